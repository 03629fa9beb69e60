// @ts-check
// The lines of a log that the browser has, and the way to those that it has not.

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
    this.failed = 0;
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

  /** Takes lines over, from number from on. @param {number} from @param {Line[]} lines */
  put(from, lines) {
    lines.forEach((line, i) => {
      const c = chunkOf(from + i);
      let chunk = this.chunks.get(c);
      if (!chunk) this.chunks.set(c, (chunk = []));
      chunk[(from + i - 1) % CHUNK] = line;
    });
    for (const c of this.chunks.keys()) {
      if (this.chunks.size <= KEPT) break;
      this.chunks.delete(c); // the one that came first
    }
  }

  /** Fetches the chunk of a line. @param {number} n @returns {Promise<boolean>} whether something came */
  load(n) {
    const c = chunkOf(n);
    let job = this.loading.get(c);
    if (!job) {
      job = this.fetchChunk(c)
        .catch(() => false)
        .finally(() => this.loading.delete(c));
      this.loading.set(c, job);
    }
    return job;
  }

  /** Lines that are too much text for one answer come in several. @param {number} c @returns {Promise<boolean>} */
  async fetchChunk(c) {
    const first = c * CHUNK + 1, end = first + CHUNK;
    for (let from = first; ; ) {
      const d = await this.fetch("/lines", { from, count: end - from });
      this.put(d.from, d.lines);
      from += d.lines.length;
      if (!d.lines.length || from >= end || from > d.total) return from > first;
    }
  }

  /** @param {string} path @param {Record<string, string | number>} query @param {AbortSignal} [signal] */
  async fetch(path, query, signal) {
    const r = await fetch(this.url(path, query), { signal });
    const body = await r.json();
    if (!r.ok) throw new Error(body.error?.message ?? r.statusText);
    return body;
  }
}
