// Colours for canvases, which can't use CSS custom properties.

/** Call `onchange` whenever the page switches between light and dark; return a function that stops it. */
export function watchTheme(onchange: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = new MutationObserver(onchange);
  page.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  system.addEventListener("change", onchange);
  return () => {
    page.disconnect();
    system.removeEventListener("change", onchange);
  };
}

/** Resolves CSS colours, such as `var(--accent)`, at an element of the page. */
export class ColourResolver {
  private readonly resolved = new Map<string, string>();

  /** @param probe an invisible element, whose `color` is set to read each colour back */
  constructor(private readonly probe: HTMLElement) {}

  resolve(colour: string): string {
    let value = this.resolved.get(colour);
    if (value === undefined) {
      this.probe.style.color = colour;
      value = getComputedStyle(this.probe).color;
      this.resolved.set(colour, value);
    }
    return value;
  }

  /** Forget all colours: the theme has changed. */
  clear(): void {
    this.resolved.clear();
  }
}
