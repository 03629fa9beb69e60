// @ts-check
// A page that takes over what is different in itself as the server shows it now. Elements that stay the same stay the
// same nodes, so focus, selection and scroll positions survive.

import { insist } from "./stream.js";

let running = /** @type {Promise<void> | null} */ (null);
let next = /** @type {Promise<void> | null} */ (null);

/** Fetches the page and takes over the parts with these ids. Calls that come while one is under way become one more. */
export function refresh(/** @type {string[]} */ ...ids) {
  if (!running) return (running = once(ids).finally(() => (running = null)));
  next ??= running.catch(() => {}).then(() => {
    next = null;
    return refresh(...ids);
  });
  return next;
}

async function once(/** @type {string[]} */ ids) {
  const next = await fetchPage(location.pathname + location.search);
  document.title = next.title;
  const icon = document.querySelector("link[rel=icon]"), nextIcon = next.querySelector("link[rel=icon]");
  if (icon && nextIcon) morphAttributes(icon, nextIcon);
  for (const id of ids) takeOver(id, next);
}

/** Takes a part of another page over. @param {string} id @param {Document} from */
function takeOver(id, from) {
  const a = document.getElementById(id), b = from.getElementById(id);
  if (a && b) morph(a, b);
}

/** Shows what troubles the server has now. */
export async function refreshTroubles() {
  takeOver("troubles", await fetchPage("/troubles"));
}

/** Loads the page anew, once the server answers: a page that could not be loaded would never come back. */
export async function reload() {
  await insist(() => fetchPage("/troubles"));
  location.reload();
}

/** @param {string} path @returns {Promise<Document>} */
function fetchPage(path) {
  // The one way to a document without making it from a string, which our policy forbids.
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open("GET", path);
    x.responseType = "document";
    x.timeout = 10_000;
    x.onload = () => {
      // Where the person was signed out, or what is shown is not there any more, only a new page can say so.
      if (x.status === 401 || x.status === 404 || new URL(x.responseURL).pathname !== new URL(path, location.href).pathname) location.reload();
      else if (x.status === 200 && x.response) resolve(x.response);
      else reject(new Error(`status ${x.status}`));
    };
    x.onerror = x.ontimeout = () => reject(new Error("no answer"));
    x.send();
  });
}

/** Makes a like b. @param {Node} a @param {Node} b */
function morph(a, b) {
  if (a.nodeName !== b.nodeName || a.nodeType !== b.nodeType) {
    a.parentNode?.replaceChild(document.importNode(b, true), a);
  } else if (a instanceof Element) {
    morphAttributes(a, /** @type {Element} */ (b));
    morphChildren(a, b);
  } else if (a.nodeValue !== b.nodeValue) {
    a.nodeValue = b.nodeValue;
  }
}

/** @param {Element} a @param {Element} b */
function morphAttributes(a, b) {
  for (const { name } of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
  for (const { name, value } of b.attributes) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
}

/** @param {Element} a @param {Node} b */
function morphChildren(a, b) {
  const byId = new Map([...a.children].filter((c) => c.id).map((c) => [c.id, c]));
  let at = a.firstChild;
  for (const want of [...b.childNodes]) {
    const id = want instanceof Element || want.nodeType === 1 ? /** @type {Element} */ (want).id : "";
    const known = id ? byId.get(id) : undefined;
    if (known && known !== at) a.insertBefore(known, at);
    else if (id && !known) a.insertBefore(document.importNode(want, true), at);
    if (id) {
      if (known) {
        at = known.nextSibling;
        morph(known, want);
      }
      continue;
    }
    if (!at || (at instanceof Element && at.id)) {
      a.insertBefore(document.importNode(want, true), at);
      continue;
    }
    const next = at.nextSibling;
    morph(at, want);
    at = next;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
