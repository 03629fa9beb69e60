// @ts-check
// A stream of server-sent events that comes back by itself: after a lost connection, after sleep, after the tab was
// hidden. Its state is always to be seen in the bar at the top.
//
// Browsers allow six connections to a plain HTTP server, for all tabs together. So all tabs share four slots; a tab
// without one polls.

const SILENCE = 40_000; // the server says something at least every 15 s
const HIDDEN = 30_000;
const POLL = 2_000;

/** @typedef {"connecting" | "live" | "polling" | "reconnecting" | "paused" | "ended"} State */

export class Stream {
  /**
   * @param {() => string} url where to go on, asked at each start
   * @param {Record<string, (data: any) => void>} handlers by event; "end" ends the stream
   * @param {() => Promise<unknown>} poll fetches what is new, where no stream is to be had
   */
  constructor(url, handlers, poll) {
    this.url = url;
    this.handlers = handlers;
    this.poll = poll;
    this.ended = false;
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {(() => void) | null} */
    this.release = null;
    this.failures = 0;
    this.turn = 0; // of the starts: one that another overtook, or a close, gives up
    this.timer = 0;
    this.hidden = 0;
    document.addEventListener("visibilitychange", () => this.visible());
    addEventListener("online", () => this.restart());
    addEventListener("pageshow", (e) => e.persisted && this.restart());
    addEventListener("pagehide", () => this.close());
    this.start();
  }

  async start() {
    if (this.ended || this.source) return;
    const turn = ++this.turn;
    this.show(this.failures ? "reconnecting" : "connecting");
    const release = this.release ?? (await slot());
    if (turn !== this.turn || this.ended) {
      if (release !== this.release) release?.();
      return;
    }
    this.release = release;
    if (!release) {
      this.startPolling();
      return;
    }
    const source = new EventSource(this.url());
    this.source = source;
    source.onopen = () => this.heard();
    source.onerror = () => this.failed();
    for (const [event, handle] of Object.entries({ beat() {}, ...this.handlers })) {
      source.addEventListener(event, (e) => {
        this.heard();
        const data = JSON.parse(/** @type {MessageEvent} */ (e).data);
        if (event === "end") this.end();
        handle(data);
      });
    }
    if (!this.handlers.end) source.addEventListener("end", () => this.end());
  }

  startPolling() {
    const turn = this.turn;
    if (!this.failures) this.show("polling");
    this.after(POLL, async () => {
      try {
        if (!document.hidden) await this.poll();
        this.failures = 0;
      } catch {
        this.failures++;
      }
      if (turn === this.turn) this.start();
    });
  }

  heard() {
    this.failures = 0;
    this.show("live");
    this.after(SILENCE, () => this.restart());
  }

  /** The browser would try again by itself, but not after every kind of failure, and not with a new URL. */
  failed() {
    this.close(true);
    this.failures++;
    const wait = Math.min(10_000, 500 * 2 ** Math.min(this.failures, 5)) * (0.75 + Math.random() / 2);
    this.show("reconnecting", wait);
    this.after(wait, () => this.start());
    // A stream may fail where a page does not: because of a proxy, or because the page is not there any more.
    if (this.failures > 1) this.poll().catch(() => {});
  }

  restart() {
    this.close(true);
    this.start();
  }

  visible() {
    clearTimeout(this.hidden);
    if (document.hidden) {
      this.hidden = window.setTimeout(() => {
        this.close();
        this.show("paused");
      }, HIDDEN);
    } else if (!this.source) {
      this.start();
    }
  }

  close(keepSlot = false) {
    this.turn++;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    if (!keepSlot) {
      this.release?.();
      this.release = null;
    }
  }

  end() {
    this.ended = true;
    this.close();
    this.show("ended");
  }

  /** @param {number} ms @param {() => void} f */
  after(ms, f) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(f, ms);
  }

  /** @param {State} state @param {number} [wait] */
  show(state, wait) {
    const el = document.getElementById("connection");
    if (!el || (this.ended && state !== "ended")) return;
    const text = wait ? `reconnecting in ${Math.ceil(wait / 1000)} s` : state;
    if (el.textContent !== text) el.textContent = text;
    el.dataset.state = state;
    el.hidden = false;
  }
}

/** Does something, again and again until it succeeds. @param {() => Promise<unknown>} act */
export async function insist(act) {
  for (let pause = 250; ; pause = Math.min(2 * pause, 5_000)) {
    try {
      return await act();
    } catch {
      await new Promise((go) => setTimeout(go, pause * (0.75 + Math.random() / 2)));
    }
  }
}

/** Takes one of the slots, if one is free. @returns {Promise<(() => void) | null>} */
async function slot() {
  if (!navigator.locks) return () => {};
  for (let i = 0; i < 4; i++) {
    const release = await new Promise((taken) => {
      navigator.locks.request(`tutti-stream-${i}`, { ifAvailable: true }, (lock) => {
        if (!lock) return taken(null);
        return new Promise((/** @type {(v: void) => void} */ free) => taken(() => free()));
      });
    });
    if (release) return release;
  }
  return null;
}
