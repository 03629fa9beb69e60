// @ts-check
// The one place where lines of a log become elements: text nodes, whatever the text is.

import { clock, size } from "./time.js";

const epoch = new URLSearchParams(location.search).get("epoch"); // of an earlier attempt, which the page shows
const query = epoch ? `?epoch=${epoch}&` : "?";

/** @typedef {{text: string, time: number, stderr?: boolean, spans?: [number, string][], bytes?: number}} Line */

/** Makes the row of line n; without a line, one that waits for it. @param {number} n @param {Line} [line] */
export function makeRow(n, line) {
  const row = document.createElement("div");
  row.className = line ? "r" : "r wait";
  if (line?.stderr) row.classList.add("e");
  row.dataset.n = String(n);
  const link = document.createElement("a");
  link.className = "n";
  link.href = `${query}L=${n}`;
  link.dataset.n = String(n);
  link.setAttribute("aria-label", `line ${n}`);
  const time = document.createElement("span");
  time.className = "t";
  time.textContent = clock(line?.time ?? 0);
  const text = document.createElement("span");
  text.className = "x";
  row.append(link, time, text);
  if (line) fillText(text, line);
  else text.textContent = "…";
  if (line?.bytes) row.append(moreButton(line.bytes));
  return row;
}

/** @param {HTMLElement} el @param {Line} line */
function fillText(el, line) {
  if (!line.spans) {
    el.textContent = line.text;
    return;
  }
  let at = 0;
  for (const [length, names] of line.spans) {
    const part = line.text.slice(at, at + length);
    at += length;
    if (!names) {
      el.append(part);
      continue;
    }
    const span = document.createElement("span");
    span.className = names;
    span.textContent = part;
    el.append(span);
  }
}

/** @param {number} bytes */
function moreButton(bytes) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cut";
  button.textContent = `show all ${size(bytes)}`;
  return button;
}

/** Makes buttons of what the server marked as cut. @param {ParentNode} root */
export function adoptCuts(root) {
  for (const cut of root.querySelectorAll("span.cut")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cut";
    button.textContent = `show all ${cut.textContent}`;
    cut.replaceWith(button);
  }
}

/** @param {Element | null | undefined} row */
export function numberOf(row) {
  return Number(row?.closest("[data-n]")?.getAttribute("data-n") ?? 0);
}
