// @ts-check
// Search in the whole log, on the server, so that it also finds what the browser never loaded. Hits are painted with the
// highlight API, which changes no element.

import { count } from "./time.js";

export class Search {
  /**
   * @param {import("./log-lines.js").Lines} lines
   * @param {{first: () => number, show: (n: number) => void, painted: (numbers: Set<number>) => Iterable<[number, HTMLElement]>}} view
   */
  constructor(lines, view) {
    this.lines = lines;
    this.view = view;
    this.form = /** @type {HTMLFormElement} */ (document.getElementById("search"));
    this.input = /** @type {HTMLInputElement} */ (document.getElementById("q"));
    this.output = /** @type {HTMLOutputElement} */ (document.getElementById("hits"));
    /** @type {number[]} numbers of the lines that match, as far as they were asked for */
    this.hits = [];
    this.total = 0;
    this.at = -1;
    this.timer = 0;
    this.request = new AbortController();
    this.form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.step(1);
    });
    this.input.addEventListener("input", () => this.soon());
    for (const id of ["case", "regexp"]) {
      const button = /** @type {HTMLElement} */ (document.getElementById(id));
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.run();
      });
    }
    document.getElementById("next")?.addEventListener("click", () => this.step(1));
    document.getElementById("prev")?.addEventListener("click", () => this.step(-1));
  }

  /** @param {string} id */
  on(id) {
    return document.getElementById(id)?.getAttribute("aria-pressed") === "true";
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.run(), 120);
  }

  async run() {
    clearTimeout(this.timer);
    this.request.abort();
    this.request = new AbortController();
    this.hits = [];
    this.total = 0;
    this.at = -1;
    this.input.setCustomValidity("");
    if (!this.input.value) {
      this.output.value = "";
      this.paint();
      return;
    }
    const first = this.view.first();
    try {
      await this.more();
    } catch (e) {
      if (/** @type {Error} */ (e).name === "AbortError") return;
      this.output.value = "cannot search so";
      this.output.title = /** @type {Error} */ (e).message;
      this.paint();
      return;
    }
    this.output.title = "";
    const after = this.hits.findIndex((n) => n >= first);
    this.at = after < 0 ? this.hits.length - 1 : after;
    this.go();
  }

  /** Fetches the next page of hits. */
  async more() {
    const signal = this.request.signal;
    const from = (this.hits.at(-1) ?? 0) + 1;
    const query = { q: this.input.value, from, case: this.on("case") ? 1 : 0, regexp: this.on("regexp") ? 1 : 0 };
    const found = await this.lines.fetch("/search", query, signal);
    if (signal.aborted) return;
    this.hits.push(...found.lines);
    this.total = found.total;
  }

  /** Goes to the next hit, or the one before. @param {1 | -1} by */
  async step(by) {
    if (!this.hits.length) {
      if (this.input.value) await this.run();
      return;
    }
    if (this.at + by === this.hits.length && this.hits.length < this.total) await this.more();
    this.at = (this.at + by + this.hits.length) % this.hits.length;
    this.go();
  }

  go() {
    const all = `${count(this.total)} ${this.total === 1 ? "line" : "lines"}`;
    this.output.value = this.at < 0 ? all : `${count(this.at + 1)} of ${all}`;
    if (this.at >= 0) this.view.show(this.hits[this.at]);
    this.paint();
  }

  get current() {
    return this.hits[this.at] ?? 0;
  }

  /** Marks the hits among the rows that are in the page. */
  paint() {
    for (const old of document.querySelectorAll(".r.hit")) old.classList.remove("hit");
    if (!("highlights" in CSS)) return;
    const found = new Highlight(), current = new Highlight();
    const pattern = this.pattern();
    if (pattern) {
      for (const [n, row] of this.view.painted(new Set(this.hits))) {
        if (n === this.current) row.classList.add("hit");
        for (const range of matches(row, pattern)) (n === this.current ? current : found).add(range);
      }
    }
    CSS.highlights.set("found", found);
    CSS.highlights.set("current", current);
  }

  pattern() {
    if (!this.hits.length) return null;
    const text = this.on("regexp") ? this.input.value : this.input.value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    try {
      return new RegExp(text, this.on("case") ? "g" : "gi");
    } catch {
      return null; // the server's kind of expression is a little different; the lines are right all the same
    }
  }

  open() {
    this.input.focus();
    this.input.select();
  }

  close() {
    this.input.value = "";
    this.run();
  }
}

/** Finds the places of a pattern in the text of a row, over the borders of its styles. @param {HTMLElement} row @param {RegExp} pattern */
function* matches(row, pattern) {
  const text = row.querySelector(".x");
  if (!text) return;
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const nodes = [];
  let whole = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    nodes.push({ node, start: whole.length });
    whole += node.nodeValue ?? "";
  }
  const place = (/** @type {number} */ at) => {
    const found = nodes.findLast((n) => n.start <= at);
    return found && { node: found.node, offset: at - found.start };
  };
  for (const m of whole.matchAll(pattern)) {
    const from = m[0] && place(m.index), to = m[0] && place(m.index + m[0].length);
    if (!from || !to) continue;
    const range = new Range();
    range.setStart(from.node, from.offset);
    range.setEnd(to.node, to.offset);
    yield range;
  }
}
