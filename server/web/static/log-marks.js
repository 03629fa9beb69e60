// @ts-check
// Marked lines: in the URL as ?L=5-9, by a click on a line's number or with Shift on another; and copying them.

import { numberOf } from "./log-rows.js";

const MOST = 20_000; // lines that are copied at once

export class Marks {
  /** @param {HTMLElement} log @param {import("./log-lines.js").Lines} lines @param {(n: number) => HTMLElement | undefined} row */
  constructor(log, lines, row) {
    this.log = log;
    this.lines = lines;
    this.row = row;
    this.from = Number(log.dataset.from);
    this.to = Number(log.dataset.to);
    this.failing = Number(log.dataset.failing);
    this.button = /** @type {HTMLElement} */ (document.getElementById("copy"));
    this.button.addEventListener("click", () => this.copy());
    log.addEventListener("click", (e) => this.clicked(e));
    log.addEventListener("copy", (e) => copySelection(e, log));
    this.paint();
  }

  /** @param {MouseEvent} e */
  clicked(e) {
    const link = /** @type {Element} */ (e.target).closest("a.n");
    if (!link || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    const n = numberOf(link);
    if (e.shiftKey && this.from) this.set(Math.min(this.from, n), Math.max(this.to, n));
    else if (this.from === n && this.to === n) this.set(0, 0);
    else this.set(n, n);
    getSelection()?.removeAllRanges();
  }

  /** @param {number} from @param {number} to */
  set(from, to) {
    this.from = from;
    this.to = to;
    const url = new URL(location.href);
    url.searchParams.delete("L");
    const rest = url.searchParams.toString();
    const mark = from ? `L=${from}${to > from ? `-${to}` : ""}` : "";
    const query = [rest, mark].filter(Boolean).join("&");
    history.replaceState(null, "", url.pathname + (query ? `?${query}` : ""));
    this.paint();
  }

  /** Shows the mark on the rows that are in the page. */
  paint() {
    this.button.hidden = !this.from;
    this.row(this.failing)?.classList.add("failing");
    for (const row of this.log.querySelectorAll(".r.sel")) {
      const n = numberOf(row);
      if (n < this.from || n > this.to) row.classList.remove("sel");
    }
    if (!this.from) return;
    for (let n = this.from; n <= Math.min(this.to, this.from + MOST); n++) this.row(n)?.classList.add("sel");
  }

  /** Copies the marked lines, also those that are not in the page. */
  async copy() {
    if (!this.from) return;
    const text = [];
    const last = Math.min(this.to, this.from + MOST - 1);
    for (let n = this.from; n <= last; ) {
      const d = await this.lines.fetch("/lines", { from: n, count: Math.min(2000, last - n + 1) });
      if (!d.lines.length) break;
      for (const line of d.lines) text.push(line.text);
      n += d.lines.length;
    }
    await toClipboard(text.join("\n") + "\n");
    say(`${text.length} ${text.length === 1 ? "line" : "lines"} copied`);
  }

  async copyLink() {
    await toClipboard(location.href);
    say("link copied");
  }
}

/** Says in the foot of the page what was done. @param {string} text */
export function say(text) {
  const el = document.getElementById("announce");
  if (!el) return;
  el.textContent = text;
  el.classList.remove("hide");
  setTimeout(() => el.classList.add("hide"), 3000);
}

/** @param {string} text */
async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // on plain HTTP
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Copies what is selected over several rows as it was written: a line for a row. @param {ClipboardEvent} e @param {HTMLElement} log */
function copySelection(e, log) {
  const range = getSelection()?.rangeCount ? getSelection()?.getRangeAt(0) : null;
  if (!range || !e.clipboardData) return;
  const rows = [...log.querySelectorAll(".r")].filter((row) => range.intersectsNode(row));
  if (rows.length < 2) return;
  const text = rows.map((row) => {
    const x = /** @type {Element} */ (row.querySelector(".x"));
    const part = document.createRange();
    part.selectNodeContents(x);
    if (part.compareBoundaryPoints(Range.START_TO_START, range) < 0) part.setStart(range.startContainer, range.startOffset);
    if (part.compareBoundaryPoints(Range.END_TO_END, range) > 0) part.setEnd(range.endContainer, range.endOffset);
    return part.toString();
  });
  e.clipboardData.setData("text/plain", text.join("\n"));
  e.preventDefault();
}
