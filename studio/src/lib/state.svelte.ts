// All that the page shows is in its address: what is sent to somebody else opens as it was.
import { LANGUAGES, type Language } from "./words";

interface Shown {
  model: number;
  x: number;
  y: number;
  label: number;
  ellipses: boolean;
  gaps: string;
}

const DEFAULT: Shown = { model: 0, x: 0, y: 0, label: 0, ellipses: true, gaps: "none" };

function fromAddress(): Shown {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (key: keyof Shown, fallback: number): number => {
    const value = Number(given.get(key) ?? fallback);
    return Number.isFinite(value) ? value : fallback;
  };
  return {
    model: Math.max(0, Math.trunc(number("model", DEFAULT.model))),
    x: number("x", DEFAULT.x),
    y: number("y", DEFAULT.y),
    label: Math.max(0, Math.trunc(number("label", DEFAULT.label))),
    ellipses: given.get("ellipses") !== "0",
    gaps: given.get("gaps") ?? DEFAULT.gaps,
  };
}

export const shown: Shown = $state(fromAddress());

let due = 0;
/** Writes the state into the address, not more often than browsers allow. */
export function toAddress(): void {
  clearTimeout(due);
  due = window.setTimeout(() => {
    const words = new URLSearchParams({
      model: String(shown.model),
      x: shown.x.toFixed(4),
      y: shown.y.toFixed(4),
      label: String(shown.label),
      ellipses: shown.ellipses ? "1" : "0",
      gaps: shown.gaps,
    });
    history.replaceState(null, "", `#${words}`);
  }, 150);
}

const kept = (key: string): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage may be forbidden
  }
};

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then it holds for this visit
  }
}

const first: Language = (kept("language") ?? navigator.language).startsWith("zh") ? "zh-TW" : "en";
export const face: { language: Language; theme: string } = $state({
  language: first,
  theme: kept("theme") ?? "",
});

export const words = (): (typeof LANGUAGES)["en"] => LANGUAGES[face.language];

export function switchLanguage(): void {
  face.language = face.language === "en" ? "zh-TW" : "en";
  keep("language", face.language);
}

export function switchTheme(): void {
  const dark = face.theme === "dark" || (!face.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  face.theme = dark ? "light" : "dark";
  keep("theme", face.theme);
}
