// @ts-check
// The page of a log: puts the view, the live tail, search, marks and keys together.

import { Lines } from "./log-lines.js";
import { AllView } from "./log-all.js";
import { WindowView } from "./log-window.js";
import { Search } from "./log-search.js";
import { Marks, say } from "./log-marks.js";
import { listen } from "./log-keys.js";
import { adoptCuts, makeRow, numberOf } from "./log-rows.js";
import { Stream, insist } from "./stream.js";
import { refresh, refreshTroubles, reload } from "./refresh.js";
import { count } from "./time.js";

const ALL = 10_000; // lines up to which all rows are in the page

const log = /** @type {HTMLElement} */ (document.getElementById("log"));

/** Shows how the activity is now. */
const header = () => refresh("loghead", "steps");

class Viewer {
  constructor() {
    const d = log.dataset;
    this.failing = Number(d.failing);
    this.finished = d.finished === "true";
    this.lines = new Lines(d.api ?? "", Number(d.epoch), Number(d.total));
    this.following = false;
    this.unseen = 0;
    this.news = 0; // how often lines came
    log.classList.remove("tail");
    adoptCuts(log);
    for (const link of log.querySelectorAll(".windowed")) link.remove();
    this.view = this.makeView();
    this.marks = new Marks(log, this.lines, (n) => this.view.row(n));
    this.search = new Search(this.lines, {
      first: () => this.view.first(),
      show: (n) => this.show(n),
      painted: (numbers) => this.view.rowsOf(numbers),
    });
    this.open();
    this.buttons();
    this.watchScroll();
    if (!this.finished) this.live();
  }

  makeView() {
    const View = this.lines.total > ALL ? WindowView : AllView;
    return new View(log, this.lines, () => {
      this.marks?.paint();
      if (this.search?.hits.length) this.search.paint();
    });
  }

  /** Opens the log where its reader most likely wants to be. */
  open() {
    const at = this.marks.from || this.failing;
    if (at) this.view.show(at);
    else this.view.toEnd();
    this.follow(!this.finished && !at);
  }

  live() {
    const next = () => Math.max(1, this.lines.total);
    const keep = Math.min(1000, Math.ceil(innerHeight / 18) + 60);
    const latest = log.hasAttribute("data-pinned") ? 0 : 1;
    new Stream(
      () => this.lines.url("/live", { from: next(), keep, latest }),
      {
        log: (d) => this.add(d),
        state: (d) => this.changed(d),
        troubles: () => refreshTroubles().catch(() => {}),
        gone: reload,
        end: () => {
          this.finished = true;
          this.follow(false);
          this.view.update(1, 0); // what is missing has nobody to wait for any more
          this.status();
          insist(header);
        },
      },
      async () => {
        await header();
        const news = this.news;
        const d = await this.lines.fetch("/lines", { from: next(), count: 1000 });
        if (d.lines.length && news === this.news) this.add(d); // else the stream was faster
      },
    );
  }

  /** @param {{state: string, result?: string, epoch?: number}} d */
  changed(d) {
    const epoch = d.epoch ?? 0;
    if (epoch !== this.lines.epoch && !this.lines.total) this.lines.epoch = epoch; // the job has begun
    else if (epoch !== this.lines.epoch) reload();
    const state = `${d.state} ${d.result ?? ""} ${epoch}`;
    if (state === log.dataset.state) return;
    log.dataset.state = state;
    insist(header);
  }

  /** @param {{from: number, total: number, lines: import("./log-rows.js").Line[]}} d */
  add(d) {
    const before = this.lines.total;
    this.news++;
    if (before && d.from > before) { // the last line may have been half of one, and its end was left out
      this.lines.forget(before);
      this.view.forget(before);
    }
    this.lines.put(d.from, d.lines);
    this.lines.total = Math.max(before, d.total);
    if (before <= ALL && this.lines.total > ALL) this.lengthen();
    else this.view.update(d.from, d.lines.length);
    if (this.following) this.view.toEnd();
    else this.unseen += this.lines.total - before;
    this.status();
  }

  /** Goes over to the view for long logs. */
  lengthen() {
    const first = this.view.first();
    if (this.view instanceof AllView) this.view.close();
    this.view = this.makeView();
    if (!this.following) this.view.jump(first);
  }

  status() {
    const position = /** @type {HTMLElement} */ (document.getElementById("position"));
    position.textContent = `${count(this.lines.total)} ${this.lines.total === 1 ? "line" : "lines"}`;
    const latest = /** @type {HTMLElement} */ (document.getElementById("latest"));
    latest.hidden = this.following || !this.unseen;
    latest.textContent = `↓ ${count(this.unseen)} new ${this.unseen === 1 ? "line" : "lines"}`;
  }

  /** @param {boolean} on */
  follow(on) {
    this.following = on;
    const button = /** @type {HTMLButtonElement} */ (document.getElementById("follow"));
    button.setAttribute("aria-pressed", String(on));
    button.disabled = this.finished;
    if (on) {
      this.unseen = 0;
      this.view.toEnd();
    }
    this.unseen && this.status();
    if (on) /** @type {HTMLElement} */ (document.getElementById("latest")).hidden = true;
  }

  /** Whoever scrolls up or selects text wants to read; whoever comes back to the end wants to follow. */
  watchScroll() {
    let last = log.scrollTop;
    log.addEventListener("scroll", () => {
      const up = log.scrollTop < last - 2;
      last = log.scrollTop;
      if (this.finished) return;
      if (up && this.following && !this.view.atEnd) this.follow(false);
      else if (!up && !this.following && this.view.atEnd) this.follow(true);
    });
    log.addEventListener("wheel", (e) => e.deltaY < 0 && this.following && this.follow(false), { passive: true });
    document.addEventListener("selectionchange", () => {
      const selection = getSelection();
      if (this.following && selection && !selection.isCollapsed && log.contains(selection.anchorNode)) this.follow(false);
    });
  }

  /** @param {number} n */
  show(n) {
    this.follow(false);
    this.view.show(n);
  }

  end() {
    if (this.finished) this.view.toEnd();
    else this.follow(true);
  }

  /** Shows or hides something for all logs that this person will read. @param {"wrap" | "times"} what */
  toggle(what) {
    const first = this.view.first();
    const on = log.classList.toggle(what);
    document.getElementById(what)?.setAttribute("aria-pressed", String(on));
    document.cookie = `tutti_${what}=${on ? 1 : 0}; path=/; max-age=31536000; samesite=lax`;
    if (this.following) this.view.toEnd();
    else this.view.jump(first);
  }

  buttons() {
    const click = (/** @type {string} */ id, /** @type {() => void} */ f) => document.getElementById(id)?.addEventListener("click", f);
    const help = () => /** @type {HTMLDialogElement} */ (document.getElementById("keys")).showModal();
    const go = (/** @type {string | undefined} */ path) => path && location.assign(path);
    const top = () => {
      this.follow(false);
      this.view.jump(1);
    };
    click("follow", () => this.follow(!this.following));
    click("wrap", () => this.toggle("wrap"));
    click("times", () => this.toggle("times"));
    click("latest", () => this.follow(true));
    click("help", help);
    log.addEventListener("click", (e) => this.more(/** @type {Element} */ (e.target)));
    listen(
      {
        "/": () => this.search.open(),
        n: () => this.search.step(1),
        N: () => this.search.step(-1),
        f: () => !this.finished && this.follow(!this.following),
        G: () => this.end(),
        End: () => this.end(),
        g: top,
        Home: top,
        e: () => (this.failing ? this.show(this.failing) : say("no failing line was found")),
        "[": () => go(log.dataset.previous),
        "]": () => go(log.dataset.next),
        w: () => this.toggle("wrap"),
        t: () => this.toggle("times"),
        c: () => this.marks.copyLink(),
        y: () => this.marks.copy(),
        "?": help,
        Escape: () => {
          this.search.close();
          log.focus();
        },
      },
      () => this.view instanceof WindowView && document.activeElement !== this.search.input,
    );
  }

  /** Shows all of a line that was cut. @param {Element} button */
  async more(button) {
    if (!button.matches("button.cut")) return;
    const row = /** @type {HTMLElement} */ (button.closest(".r")), n = numberOf(row);
    const d = await this.lines.fetch("/lines", { from: n, full: 1 });
    const line = d.lines[0];
    if (!line) return;
    const rest = line.bytes;
    delete line.bytes;
    const full = makeRow(n, line);
    row.querySelector(".x")?.replaceWith(/** @type {Element} */ (full.querySelector(".x")));
    button.remove();
    if (rest) say("this is the first MiB of the line; the raw log has all of it");
  }
}

new Viewer();
