// Functions for tests that use the keyboard alone: `window.keyboard`.
window.keyboard = (() => {
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const nameOf = (element) => {
    const text = element.ariaLabel || element.innerText || element.title || element.dataset.testid || element.outerHTML;
    return `${element.tagName.toLowerCase()} "${text.trim().replace(/\s+/g, " ").slice(0, 60)}"`;
  };
  const numbers = new WeakMap();
  let count = 0;
  const numberOf = (element) => {
    if (!numbers.has(element)) numbers.set(element, ++count);
    return numbers.get(element);
  };
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, iframe, [tabindex]";
  const GROUPS = "[role=radiogroup], [role=toolbar]";

  /** Whether an element can be reached with Tab, or with the arrow keys of its group. */
  const isReachable = (element) => element.matches(FOCUSABLE) && (element.tabIndex >= 0 || element.closest(GROUPS) !== null);

  /** What reacts to the pointer, but not to the keyboard. */
  function pointerOnly() {
    const found = new Set();
    for (const element of document.querySelectorAll("body *")) {
      if (!isShown(element) || element.matches(":disabled, option")) continue;
      const { cursor } = getComputedStyle(element);
      if (!/pointer|grab|crosshair|resize|move/.test(cursor)) continue;
      let up = element;
      while (up && !isReachable(up)) up = up.parentElement;
      if (!up && !element.closest("label")) found.add(nameOf(element));
    }
    return [...found];
  }

  /** The numbers and names of all visible controls that Tab must reach. */
  function stops() {
    const inDialog = document.querySelector("dialog[open]") ?? document;
    return [...inDialog.querySelectorAll(FOCUSABLE)]
      .filter((element) => element.tabIndex >= 0 && isShown(element) && !element.matches(":disabled"))
      .map((element) => [numberOf(element), nameOf(element)]);
  }

  const STYLES = ["outlineStyle", "outlineWidth", "outlineColor", "outlineOffset", "boxShadow", "borderColor", "backgroundColor", "stroke", "strokeWidth", "fill"];
  const looksOf = (element) => [element, ...element.querySelectorAll("*")].map((part) => {
    const style = getComputedStyle(part);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return STYLES.map((name) => (name.startsWith("outline") && !outlined ? "" : style[name])).join();
  }).join("|");

  /** The element with the focus: its number, its name, and what is wrong with its focus; null if there is none. */
  function focused() {
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return null;
    const faults = [];
    const looks = looksOf(element);
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const x = Math.max(0, Math.min(innerWidth - 1, (box.left + box.right) / 2));
    const y = Math.max(0, Math.min(innerHeight - 1, (Math.max(0, box.top) + Math.min(innerHeight, box.bottom)) / 2));
    if (box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth || box.top >= innerHeight) faults.push("out of sight");
    else {
      const front = document.elementFromPoint(x, y);
      if (front && !element.contains(front) && !front.contains(element) && !front.closest("label")?.contains(element)) faults.push(`behind ${nameOf(front)}`);
    }
    // the outline is drawn outside of the element, where an ancestor may cut it
    if (style.outlineStyle !== "none" && parseFloat(style.outlineOffset) >= 0) {
      const reach = parseFloat(style.outlineWidth);
      for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) {
        const { overflowX, overflowY, position } = getComputedStyle(up);
        const clip = up.getBoundingClientRect();
        if (overflowX !== "visible" && (box.left - reach < clip.left - 0.5 || box.right + reach > clip.right + 0.5)) faults.push(`outline cut by ${nameOf(up)}`);
        else if (overflowY !== "visible" && (box.top - reach < clip.top - 0.5 || box.bottom + reach > clip.bottom + 0.5)) faults.push(`outline cut by ${nameOf(up)}`);
        if (position === "fixed") break;
      }
    }
    element.blur();
    const unfocused = looksOf(element);
    element.focus({ preventScroll: true });
    if (looks === unfocused) faults.push("focus not visible");
    if (document.activeElement !== element) faults.push("loses the focus");
    return { number: numberOf(element), name: nameOf(element), faults };
  }

  /** Move the place from which Tab continues to the start of the page. */
  function restart() {
    if (document.querySelector("dialog[open]")) return; // it has the focus already
    const start = document.createElement("span");
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
    start.remove();
    scrollTo(0, 0);
  }

  return { restart, pointerOnly, stops, focused };
})();
