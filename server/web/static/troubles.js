// @ts-check
// What is wrong with the server, at the top of every page: it comes and goes while the page is open.

import { refreshTroubles } from "./refresh.js";

const LOOK = 5_000; // pages that hear of news look at once as well

/** Keeps the troubles as they are while somebody can see them. */
export function watchTroubles() {
  const box = document.getElementById("troubles");
  if (!box) return;
  const look = () => document.hidden || refreshTroubles().catch(() => {});
  setInterval(look, LOOK);
  document.addEventListener("visibilitychange", look);
  box.addEventListener("submit", (e) => {
    e.preventDefault();
    const form = /** @type {HTMLFormElement} */ (e.target);
    fetch(form.action, { method: "POST", redirect: "manual" }).then(look, () => {});
  });
}
