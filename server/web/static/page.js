// @ts-check
// What every page does: clocks, the theme, the server's troubles, and news.

import { runClocks } from "./time.js";
import { Stream } from "./stream.js";
import { refresh } from "./refresh.js";
import { watchTroubles } from "./troubles.js";

runClocks();
themeButton();
watchTroubles();
news();

function themeButton() {
  const button = document.getElementById("theme");
  button?.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `tutti_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  });
}

/** Keeps the page as the server would show it now, until the server says that it will not change any more. */
function news() {
  const main = document.getElementById("main");
  if (!main?.dataset.live) return;
  const url = main.dataset.live;
  let poll = 0;
  const update = async () => {
    await refresh("main", "troubles");
    if (main.dataset.live) return;
    clearInterval(poll);
    stream.end();
  };
  const stream = new Stream(() => url, { change: () => update().catch(() => stream.failed()) }, update);
  if (main.hasAttribute("data-poll")) {
    poll = window.setInterval(() => document.hidden || update().catch(() => {}), 5000);
  }
}
