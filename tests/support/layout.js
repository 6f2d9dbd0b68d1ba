// Returns the faults of the page's layout: overlaps, cut text, what can't be scrolled to.
() => {
  const PICTURES = "canvas, img, svg";
  const CONTROLS = "button, a[href], input, select, textarea, summary, [role=slider]";
  const TOLERANCE = 2;  // pixels
  const INK = 0.55;  // part of a line's height that glyphs cover: lines may be set closer than that
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const boxOf = ({ left, top, right, bottom }) => ({ left, top, right, bottom });
  const common = (a, b) => ({
    left: Math.max(a.left, b.left), right: Math.min(a.right, b.right),
    top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom),
  });
  const width = (box) => box.right - box.left, height = (box) => box.bottom - box.top;
  const isEmpty = (box) => width(box) <= 0 || height(box) <= 0;

  // pictures, controls, and lines of text
  const items = [];
  const inMap = (element) => element.parentElement?.closest(".map svg, [role=img]");
  for (const element of document.body.querySelectorAll(`${PICTURES}, ${CONTROLS}`)) {
    if (!isShown(element) || inMap(element) || element.closest("[hidden]")) continue;
    const box = boxOf(element.getBoundingClientRect());
    const kind = element.matches(PICTURES) ? "picture" : "control";
    const name = element.ariaLabel || element.innerText || element.dataset.testid || element.outerHTML;
    if (width(box) > 1 && height(box) > 1) items.push({ element, box, kind, name });
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !isShown(element) || inMap(element) || element.matches("option, script, style, title")) continue;
    range.selectNodeContents(texts.currentNode);
    for (const rect of range.getClientRects()) {
      const rest = ((1 - INK) / 2) * rect.height;
      const box = { left: rect.left, right: rect.right, top: rect.top + rest, bottom: rect.bottom - rest };
      if (width(box) > 1) items.push({ element, box, kind: "text", name: texts.currentNode.data });
    }
  }

  const found = new Set();
  const say = (fault, ...names) => found.add([fault, ...names.map((name) => `"${name.trim().replace(/\s+/g, " ").slice(0, 60)}"`)].join(" "));

  // what ancestors with limited overflow show of each item
  for (const item of items) {
    item.shown = item.box;
    item.fixed = false;
    for (let up = item.element; up && up !== document.documentElement; up = up.parentElement) {
      const style = getComputedStyle(up);
      item.dialog ||= up.matches("[role=dialog], dialog");
      if (up !== item.element || item.kind === "text") {
        const [x, y] = [style.overflowX, style.overflowY];
        if (x !== "visible" || y !== "visible") {
          const outer = up.getBoundingClientRect();
          const clip = {
            left: outer.left + up.clientLeft, top: outer.top + up.clientTop,
            right: outer.left + up.clientLeft + up.clientWidth, bottom: outer.top + up.clientTop + up.clientHeight,
          };
          if (style.display.startsWith("inline") && !up.clientWidth) continue;
          const scrolls = (overflow) => overflow === "auto" || overflow === "scroll";
          const { left, right, top, bottom } = item.box;
          const [dx, dy] = [up.scrollLeft - clip.left, up.scrollTop - clip.top];
          if (scrolls(x) ? right + dx < 0 || left + dx > up.scrollWidth : right <= clip.left || left >= clip.right) say("unreachable", item.name);
          if (scrolls(y) ? bottom + dy < 0 || top + dy > up.scrollHeight : bottom <= clip.top || top >= clip.bottom) say("unreachable", item.name);
          const abbreviated = style.textOverflow === "ellipsis" || up.closest("[title]");
          const cutX = !scrolls(x) && !abbreviated && (left < clip.left - TOLERANCE || right > clip.right + TOLERANCE);
          const cutY = !scrolls(y) && (top < clip.top - TOLERANCE || bottom > clip.bottom + TOLERANCE);
          if ((cutX || cutY) && !up.closest(".map")) say("cut", item.name);
          item.shown = common(item.shown, clip);
        }
      }
      if (style.position === "fixed") { item.fixed = true; break; }
    }
    const { left, right, top, bottom } = item.box;
    if (item.fixed ? left < -TOLERANCE || top < -TOLERANCE || right > innerWidth + TOLERANCE || bottom > innerHeight + TOLERANCE
                   : right + scrollX < 0 || bottom + scrollY < 0)
      if (!isEmpty(item.shown)) say("unreachable", item.name);
    const control = item.kind === "text" && item.element.closest("button, summary");
    if (control && getComputedStyle(control).display !== "inline") {
      const box = control.getBoundingClientRect();
      const { shown } = item;
      if (shown.left < box.left - 1 || shown.right > box.right + 1 || shown.top < box.top - 1 || shown.bottom > box.bottom + 1) say("sticks out of its button:", item.name);
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;  // a phone shrinks a page that is too wide, so innerWidth grows
  if (scrollWidth > clientWidth) {
    const wide = items.filter(({ shown, fixed }) => !fixed && shown.right > clientWidth + 1).map(({ name }) => name);
    say("the page scrolls sideways:", ...(wide.length ? wide.slice(0, 3) : ["a box"]));
  }

  // overlaps; what is positioned within a container may be in front of its pictures
  const isInFront = (item, picture) => {
    if (picture.kind !== "picture") return false;
    for (let up = item.element; up; up = up.parentElement) {
      const { position } = getComputedStyle(up);
      const container = position === "sticky" ? up.parentElement : position === "absolute" ? up.offsetParent : null;
      if (container?.contains(picture.element)) return true;
    }
    return false;
  };
  const isMap = ({ element }) => element.closest(".map, .plot");
  const visible = items.filter(({ shown }) => !isEmpty(shown)).sort((a, b) => a.shown.top - b.shown.top);
  visible.forEach((a, i) => {
    for (let j = i + 1; j < visible.length && visible[j].shown.top < a.shown.bottom; j++) {
      const b = visible[j];
      if (a.element.contains(b.element) || b.element.contains(a.element) || a.dialog !== b.dialog) continue;
      const both = common(a.shown, b.shown);
      if (width(both) <= TOLERANCE || height(both) <= TOLERANCE) continue;
      if (isInFront(a, b) || isInFront(b, a)) continue;
      if (a.kind === "picture" && b.kind === "picture" && isMap(a) && isMap(a) === isMap(b)) continue;
      say("overlap", a.name, b.name);
    }
  });
  return [...found];
}
