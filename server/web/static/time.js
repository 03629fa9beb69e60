// @ts-check
// Times that run on: elements with data-since show how long ago that was, those with data-ago the same in words.

/** Writes a stretch of time as the server does. @param {number} ms */
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${two(Math.floor(s / 3600) % 24)}h`;
}

function tick() {
  for (const el of document.querySelectorAll("[data-since], [data-ago]")) {
    const since = el.getAttribute("data-since");
    const from = Date.parse(since ?? el.getAttribute("data-ago") ?? "");
    const text = duration(Date.now() - from) + (since ? "" : " ago");
    if (el.textContent !== text) el.textContent = text;
  }
}

/** Keeps the times of the page running while somebody can see them. */
export function runClocks() {
  setInterval(() => document.hidden || tick(), 1000);
}

/** Writes a number with its thousands apart. @param {number} n */
export function count(n) {
  return n.toLocaleString("en-US");
}

/** Writes a number of bytes. @param {number} n */
export function size(n) {
  if (n < 1024) return `${n} B`;
  const units = ["KiB", "MiB", "GiB"];
  let v = n / 1024, unit = 0;
  for (; v >= 1024 && unit < units.length - 1; unit++) v /= 1024;
  return `${v.toFixed(1)} ${units[unit]}`;
}

/** Writes the time since an activity's start, as the server does. @param {number} ms */
export function clock(ms) {
  const pad = (/** @type {number} */ n, /** @type {number} */ w) => String(n).padStart(w, "0");
  const hours = Math.floor(ms / 3600000);
  return `${hours ? `${hours}:` : ""}${pad(Math.floor(ms / 60000) % 60, 2)}:${pad(Math.floor(ms / 1000) % 60, 2)}.${pad(ms % 1000, 3)}`;
}
