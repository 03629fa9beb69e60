// @ts-check
// The view of a log that is not long: all of its rows are in the page, so that the browser's own search, selection and
// print work. Chunks that are out of sight cost no layout.

import { CHUNK, chunkOf } from "./log-lines.js";
import { makeRow, numberOf } from "./log-rows.js";

const ROW = 18;

/** @typedef {{el: HTMLElement, rows: (HTMLElement | undefined)[]}} Chunk */

export class AllView {
  /** @param {HTMLElement} el the scroller @param {import("./log-lines.js").Lines} lines @param {() => void} onRender */
  constructor(el, lines, onRender) {
    this.el = el;
    this.lines = lines;
    this.onRender = onRender;
    /** @type {Chunk[]} */
    this.chunks = [];
    this.box = document.createElement("div");
    this.box.className = "rows";
    const ready = /** @type {HTMLElement[]} */ ([...el.querySelectorAll(".r")]);
    this.grow();
    for (const row of ready) this.place(numberOf(row), row);
    el.replaceChildren(this.box);
    /** Where the view is held until the person scrolls: 0 is nowhere, Infinity the end. */
    this.pinned = 0;
    for (const event of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      el.addEventListener(event, () => (this.pinned = 0), { passive: true });
    }
    // Heights of chunks out of sight are guesses, so what is held must be held again once they are known.
    this.resized = new ResizeObserver(() => this.hold());
    this.resized.observe(this.box);
    this.resized.observe(el);
    this.load();
  }

  /** Leaves the scroller to another view. */
  close() {
    this.resized.disconnect();
    this.pinned = 0;
    this.busy = true;
  }

  get atEnd() {
    return this.el.scrollTop + this.el.clientHeight >= this.el.scrollHeight - 2 * ROW;
  }

  /** Makes chunks for all lines that there are. */
  grow() {
    while (this.chunks.length * CHUNK < this.lines.total) {
      const el = document.createElement("div");
      el.className = "chunk";
      this.chunks.push({ el, rows: [] });
      this.box.append(el);
      this.reserve(this.chunks.length - 2);
    }
    this.reserve(this.chunks.length - 1);
  }

  /** Gives a chunk about the height that it will have. @param {number} c */
  reserve(c) {
    const chunk = this.chunks[c];
    if (!chunk) return;
    const rows = Math.min(CHUNK, this.lines.total - c * CHUNK);
    chunk.el.style.containIntrinsicBlockSize = `auto ${rows * ROW}px`;
    chunk.el.style.minHeight = chunk.rows.length ? "" : `${rows * ROW}px`;
  }

  /** @param {number} n @param {HTMLElement} row */
  place(n, row) {
    const chunk = this.chunks[chunkOf(n)], i = (n - 1) % CHUNK;
    const old = chunk.rows[i];
    if (old) {
      old.replaceWith(row);
    } else {
      let next = i + 1;
      while (next < chunk.rows.length && !chunk.rows[next]) next++;
      chunk.el.insertBefore(row, chunk.rows[next] ?? null);
    }
    chunk.rows[i] = row;
    chunk.el.style.minHeight = "";
  }

  /** Fetches what is missing, the nearest to where the person looks first. */
  async load() {
    if (this.busy) return;
    this.busy = true;
    const tried = new Set(); // in vain: what they lack comes by itself
    for (let c = this.missing(tried); c >= 0; c = this.missing(tried)) {
      const had = this.have(c);
      await this.lines.load(c * CHUNK + 1);
      if (!this.box.isConnected) break;
      this.fill(c);
      if (this.have(c) === had) tried.add(c);
    }
    this.busy = false;
  }

  /** @param {Set<number>} [but] chunks that do not count */
  missing(but) {
    const here = chunkOf(Math.max(1, this.first()));
    let best = -1;
    this.chunks.forEach((_, c) => {
      const want = Math.min(CHUNK, this.lines.total - c * CHUNK);
      if (this.have(c) < want && !but?.has(c) && (best < 0 || Math.abs(c - here) < Math.abs(best - here))) best = c;
    });
    return best;
  }

  /** @param {number} c */
  have(c) {
    return this.chunks[c].rows.filter(Boolean).length;
  }

  /** Makes the rows of a chunk that have come. @param {number} c */
  fill(c) {
    const chunk = this.chunks[c];
    for (let i = 0; i < CHUNK; i++) {
      const n = c * CHUNK + i + 1;
      const line = this.lines.get(n);
      if (line && !chunk.rows[i]) chunk.rows[i] = makeRow(n, line);
    }
    chunk.el.replaceChildren(.../** @type {HTMLElement[]} */ (chunk.rows.filter(Boolean)));
    this.reserve(c);
    this.hold();
    this.onRender();
  }

  /** Takes a row away, whose line is to come anew. @param {number} n */
  forget(n) {
    const chunk = this.chunks[chunkOf(n)];
    chunk?.rows[(n - 1) % CHUNK]?.remove();
    if (chunk) chunk.rows[(n - 1) % CHUNK] = undefined;
  }

  /** Shows lines that have come or changed. @param {number} from @param {number} count */
  update(from, count) {
    this.grow();
    for (let n = from; n < from + count; n++) {
      const line = this.lines.get(n);
      if (line) this.place(n, makeRow(n, line));
    }
    this.hold();
    this.onRender();
    if (this.missing() >= 0) this.load();
  }

  hold() {
    if (this.pinned === Infinity) this.el.scrollTop = this.el.scrollHeight;
    else if (this.pinned) this.row(this.pinned)?.scrollIntoView({ block: "center" });
  }

  /** @param {number} n */
  row(n) {
    return this.chunks[chunkOf(n)]?.rows[(n - 1) % CHUNK];
  }

  /** @returns {Iterable<[number, HTMLElement]>} the rows of these lines that are in the page */
  *rowsOf(/** @type {Iterable<number>} */ numbers) {
    for (const n of numbers) {
      const row = this.row(n);
      if (row) yield [n, row];
    }
  }

  first() {
    const box = this.el.getBoundingClientRect();
    const at = document.elementFromPoint(box.left + 20, box.top + 4);
    return numberOf(at?.closest(".r")) || 1;
  }

  /** @param {number} n */
  show(n) {
    this.pinned = n;
    this.hold();
  }

  /** Where the person is, so that another view can go on there. @param {number} n */
  jump(n) {
    this.show(n);
  }

  toEnd() {
    this.pinned = Infinity;
    this.hold();
  }

  relayout() {
    this.hold();
  }
}
