// @ts-check
// The view of a long log: only the rows that can be seen, and some around them, are in the page.
//
// The position is a line and pixels into it, not pixels from the top: heights of rows are unknown until they are shown,
// and browsers cannot bear an element as high as a million rows. Small moves of the scrollbar move the rows by as much;
// large ones go to the line in that proportion. When the person rests, the scrollbar is put to where it belongs.

import { makeRow, numberOf } from "./log-rows.js";

const ROW = 18; // a row's height, if it does not wrap
const AROUND = 24; // rows beyond what can be seen, on either side
const MAX_HEIGHT = 8_000_000;

export class WindowView {
  /** @param {HTMLElement} el the scroller @param {import("./log-lines.js").Lines} lines @param {() => void} onRender */
  constructor(el, lines, onRender) {
    this.el = el;
    this.lines = lines;
    this.onRender = onRender;
    this.space = div("space");
    this.pane = div("pane");
    this.rows = div("rows");
    /** @type {Map<number, HTMLElement>} */
    this.map = new Map();
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (el.querySelectorAll(".r"))) this.map.set(numberOf(row), row);
    this.pane.append(this.rows);
    this.space.append(this.pane);
    el.replaceChildren(this.space);
    this.line = 1; // at the top, px of it scrolled out
    this.px = 0;
    this.offset = 0; // of the pane's top within the rows
    this.atEnd = false;
    this.top = 0; // of the scroller, as we know it
    this.idle = 0;
    el.addEventListener("scroll", () => this.scrolled());
    // A focused link that is out of sight makes the browser scroll the pane: that is a move like any other.
    this.pane.addEventListener("scroll", () => {
      if (!this.pane.scrollTop) return;
      const by = this.pane.scrollTop;
      this.pane.scrollTop = 0;
      this.move(by);
    });
    new ResizeObserver(() => this.relayout()).observe(el);
    this.size();
  }

  size() {
    this.pane.style.height = `${this.el.clientHeight}px`;
    this.space.style.height = `${Math.max(this.el.clientHeight, Math.min(this.lines.total * ROW, MAX_HEIGHT))}px`;
  }

  relayout() {
    const end = this.atEnd;
    this.size();
    if (end) this.toEnd();
    else this.render();
    this.sync();
  }

  get fit() {
    return Math.ceil(this.pane.clientHeight / ROW) + 1;
  }

  render() {
    const total = this.lines.total;
    if (!total) return;
    this.line = Math.min(Math.max(1, Math.floor(this.line)), total);
    const hi = Math.min(total, this.line + this.fit + AROUND);
    let lo = Math.max(1, this.line - AROUND);
    if (hi === total) lo = Math.max(1, Math.min(lo, total - this.fit - AROUND));
    this.fill(lo, hi);
    const at = /** @type {HTMLElement} */ (this.map.get(this.line));
    const bottom = this.rows.offsetHeight - this.pane.clientHeight;
    let offset = at.offsetTop + this.px;
    this.atEnd = hi === total && offset >= bottom - 1;
    if (this.atEnd) offset = bottom;
    this.anchor(Math.max(0, offset), lo);
    this.rows.style.transform = `translateY(${-this.offset}px)`;
    this.onRender();
  }

  /** Makes a place among the rows the position. @param {number} offset @param {number} lo number of the first row */
  anchor(offset, lo) {
    this.offset = offset;
    let n = lo;
    for (let row = this.map.get(n); row && row.offsetTop + row.offsetHeight <= offset; row = this.map.get(n)) n++;
    const row = this.map.get(n);
    this.line = row ? n : n - 1;
    this.px = row ? offset - row.offsetTop : 0;
  }

  /** Puts exactly the rows lo to hi into the page. @param {number} lo @param {number} hi */
  fill(lo, hi) {
    for (const [n, row] of this.map) {
      if (n >= lo && n <= hi) continue;
      row.remove();
      this.map.delete(n);
    }
    let missing = 0;
    let at = this.rows.firstElementChild;
    for (let n = lo; n <= hi; n++) {
      let row = this.map.get(n);
      if (!row) {
        const line = this.lines.get(n);
        if (!line && (!missing || n === this.line)) missing = n;
        row = makeRow(n, line);
        this.map.set(n, row);
      }
      if (row === at) at = at.nextElementSibling;
      else this.rows.insertBefore(row, at);
    }
    // What cannot be seen yet may come after what can has been painted.
    if (missing) setTimeout(() => this.load(missing, hi), missing < this.line ? 50 : 0);
  }

  /** Fetches rows that wait. @param {number} from @param {number} to */
  async load(from, to) {
    const came = await Promise.all([this.lines.load(from), this.lines.load(to)]);
    if (!came.includes(true)) return;
    let changed = false;
    for (const [n, row] of this.map) {
      const line = row.classList.contains("wait") && this.lines.get(n);
      if (!line) continue;
      const ready = makeRow(n, line);
      row.replaceWith(ready);
      this.map.set(n, ready);
      changed = true;
    }
    if (changed) {
      if (this.atEnd) this.toEnd();
      else this.render();
    }
  }

  scrolled() {
    const top = this.el.scrollTop, by = top - this.top;
    if (!by) return;
    this.top = top;
    const max = this.max;
    if (Math.abs(by) > 2 * this.el.clientHeight) {
      if (top >= max - 1) this.toEnd();
      else this.go(1 + (top / max) * this.span);
    } else {
      this.move(by);
      // Rows that wrap make the way longer than the scrollbar: it must not end before the rows do.
      if ((top <= 0 && this.line > 1) || (top >= max - 1 && !this.atEnd)) this.sync();
    }
    clearTimeout(this.idle);
    this.idle = window.setTimeout(() => this.sync(), 150);
  }

  get max() {
    return Math.max(1, this.space.offsetHeight - this.el.clientHeight);
  }

  /** Lines that can be at the top. */
  get span() {
    return Math.max(1, this.lines.total - Math.floor(this.pane.clientHeight / ROW));
  }

  /** @param {number} by pixels */
  move(by) {
    const offset = this.offset + by, height = this.rows.offsetHeight;
    const lo = numberOf(this.rows.firstElementChild);
    if (offset < 0) {
      this.line = lo + offset / ROW;
      this.px = 0;
    } else if (offset > height) {
      this.line = numberOf(this.rows.lastElementChild) + (offset - height) / ROW;
      this.px = 0;
    } else {
      this.anchor(offset, lo);
    }
    this.render();
  }

  /** @param {number} line */
  go(line) {
    this.line = line;
    this.px = 0;
    this.render();
  }

  sync() {
    const want = this.atEnd ? this.max : Math.min(this.max, ((this.line - 1 + this.px / ROW) / this.span) * this.max);
    if (Math.abs(want - this.el.scrollTop) > 1) this.el.scrollTop = want;
    this.top = this.el.scrollTop;
  }

  /** Takes a row away, whose line is to come anew. @param {number} n */
  forget(n) {
    this.map.get(n)?.remove();
    this.map.delete(n);
  }

  /** Shows lines that have come or changed. @param {number} from @param {number} count */
  update(from, count) {
    for (let n = from; n < from + count; n++) this.forget(n);
    this.size();
    this.render();
    clearTimeout(this.idle);
    this.idle = window.setTimeout(() => this.sync(), 150);
  }

  /** @param {number} n */
  row(n) {
    return this.map.get(n);
  }

  /** @returns {Iterable<[number, HTMLElement]>} the rows of these lines that are in the page */
  *rowsOf(/** @type {Set<number>} */ numbers) {
    for (const [n, row] of this.map) if (numbers.has(n)) yield [n, row];
  }

  first() {
    return this.line;
  }

  /** Brings a line into sight. @param {number} n */
  show(n) {
    this.go(n - Math.min(12, Math.floor(this.fit / 3)));
    this.sync();
  }

  /** Brings a line to the top. @param {number} n */
  jump(n) {
    this.go(n);
    this.sync();
  }

  toEnd() {
    this.line = this.lines.total;
    this.px = 1e9;
    this.render();
    this.sync();
  }
}

/** @param {string} name */
function div(name) {
  const el = document.createElement("div");
  el.className = name;
  return el;
}
