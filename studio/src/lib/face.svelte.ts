// Language and theme: the visitor's own, so they are kept here and not in the address.
import { LANGUAGES, type Language } from "./words";

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
export const face: { language: Language; theme: string } = $state({ language: first, theme: kept("theme") ?? "" });

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

/** A share as people read it: 41 %, but 99.7 %. */
export const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 1 : 0)} %`;

/** What kind of model it is, in the visitor's language. */
export const kindOf = (model: { kind: string }): string => words().kinds[model.kind] ?? model.kind;
