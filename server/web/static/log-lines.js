// @ts-check
// The lines of a log that the browser has, and the way to those that it has not.

import { insist } from "./stream.js";
import { reload } from "./refresh.js";

/** @typedef {import("./log-rows.js").Line} Line */

export const CHUNK = 512;
const KEPT = 64; // chunks

/** The chunk of a line. @param {number} n */
export const chunkOf = (n) => Math.floor((n - 1) / CHUNK);

export class Lines {
  /** @param {string} api path of the log @param {number} epoch @param {number} total */
  constructor(api, epoch, total) {
    this.api = api;
    this.epoch = epoch;
    this.total = total;
    /** @type {Map<number, (Line | undefined)[]>} */
    this.chunks = new Map();
    /** @type {Map<number, Promise<boolean>>} */
    this.loading = new Map();
  }

  /** @param {string} path @param {Record<string, string | number>} query */
  url(path, query) {
    const q = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]));
    if (this.epoch) q.set("epoch", String(this.epoch));
    return `${this.api}${path}?${q}`;
  }

  /** @param {number} n @returns {Line | undefined} */
  get(n) {
    return this.chunks.get(chunkOf(n))?.[(n - 1) % CHUNK];
  }

  /** Takes lines over, from number from on. @param {number} from @param {Line[]} lines @param {boolean} [older] than those that are there */
  put(from, lines, older) {
    lines.forEach((line, i) => {
      const c = chunkOf(from + i), at = (from + i - 1) % CHUNK;
      let chunk = this.chunks.get(c);
      if (!chunk) this.chunks.set(c, (chunk = []));
      if (!older || !chunk[at]) chunk[at] = line;
    });
    for (const c of this.chunks.keys()) {
      if (this.chunks.size <= KEPT) break;
      this.chunks.delete(c); // the one that came first
    }
  }

  /** Lets go of a line that may have been half of one. @param {number} n */
  forget(n) {
    delete this.chunks.get(chunkOf(n))?.[(n - 1) % CHUNK];
  }

  /** Fetches the chunk of a line, as soon as the server answers. @param {number} n @returns {Promise<boolean>} whether something came */
  load(n) {
    const c = chunkOf(n);
    let job = this.loading.get(c);
    if (!job) {
      job = insist(() => this.fetchChunk(c)).finally(() => this.loading.delete(c));
      this.loading.set(c, job);
    }
    return job;
  }

  /**
   * Lines that are too much text for one answer come in several. The last line of a log that goes on is left to the live tail: it
   * may be half of one.
   * @param {number} c @returns {Promise<boolean>}
   */
  async fetchChunk(c) {
    const first = c * CHUNK + 1, end = first + CHUNK;
    for (let from = first; ; ) {
      const d = await this.fetch("/lines", { from, count: end - from });
      const whole = d.finished ? d.lines : d.lines.slice(0, Math.max(0, d.total - d.from));
      this.put(d.from, whole, true);
      from += d.lines.length;
      if (!d.lines.length || from >= end || from > d.total) return d.from + whole.length > first;
    }
  }

  /** @param {string} path @param {Record<string, string | number>} query @param {AbortSignal} [signal] */
  async fetch(path, query, signal) {
    const r = await fetch(this.url(path, query), { signal });
    const body = await r.json();
    if (r.status === 404) reload(); // it is not there any more, after a restore: a new page says so
    if (!r.ok) throw new Error(body.error?.message ?? r.statusText);
    return body;
  }
}
