// Radio buttons as people expect them: one tab stop for the group, and arrow keys that select.

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** Make the `role="radio"` buttons of a group one tab stop: `<div role="radiogroup" {@attach radioGroup}>`. */
export function radioGroup(group: HTMLElement): () => void {
  const enabled = (): HTMLButtonElement[] =>
    [...group.querySelectorAll<HTMLButtonElement>("[role=radio]")].filter((radio) => !radio.disabled);

  /** The selected button is the tab stop; if there is none, the first one. */
  function update(): void {
    const radios = enabled();
    const stop = radios.find((radio) => radio.ariaChecked === "true") ?? radios[0];
    for (const radio of radios) radio.tabIndex = radio === stop ? 0 : -1;
  }

  function key(event: KeyboardEvent): void {
    const radios = enabled();
    const at = radios.indexOf(event.target as HTMLButtonElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = radios.length - 1;
    const next = { Home: 0, End: last }[event.key] ?? (event.key in STEPS ? (at + STEPS[event.key] + radios.length) % radios.length : -1);
    if (next < 0) return;
    event.preventDefault();
    event.stopPropagation();
    radios[next].focus();
    radios[next].click();
  }

  const observer = new MutationObserver(update);
  observer.observe(group, { subtree: true, childList: true, attributeFilter: ["aria-checked", "disabled"] });
  group.addEventListener("keydown", key);
  update();
  return () => {
    observer.disconnect();
    group.removeEventListener("keydown", key);
  };
}
