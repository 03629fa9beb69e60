// @ts-check
// The keys of the log's page. They do nothing while somebody types, and nothing together with Ctrl, Alt or Meta.

/** @param {Record<string, () => void>} actions by key @param {() => boolean} takeFind whether Ctrl+F is ours this time */
export function listen(actions, takeFind) {
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key === "f" && takeFind()) {
      e.preventDefault();
      actions["/"]();
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const typing = /** @type {Element} */ (e.target).closest("input, textarea, dialog");
    const action = actions[e.key];
    if (!action || (typing && e.key !== "Escape")) return;
    e.preventDefault();
    action();
  });
}
