// Language and theme. They belong to the visitor, so they are stored in the browser. The language is
// also in the address, so that a copied link opens in it.
import { MediaQuery } from "svelte/reactivity";
import { shared, writeAddress } from "./address.svelte";
import { LANGUAGES, type Language } from "./locales";

const load = (key: string): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // the browser may forbid storage
  }
};

function save(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then the choice lasts for this visit only
  }
}

/** Write a language to the address in the short form that the tour's report has too. */
function writeLanguage(language: Language): void {
  shared.lang = language.slice(0, 2);
}

const initial: Language = (shared.lang || (load("language") ?? navigator.language)).startsWith("zh") ? "zh-TW" : "en";
writeLanguage(initial);
export const preferences: { language: Language; theme: string } = $state({ language: initial, theme: load("theme") ?? "" });

/** The text of the page in the visitor's language. */
export const strings = (): (typeof LANGUAGES)["en"] => LANGUAGES[preferences.language];

export function switchLanguage(): void {
  preferences.language = preferences.language === "en" ? "zh-TW" : "en";
  save("language", preferences.language);
  writeLanguage(preferences.language);
  writeAddress();
}

const systemDark = new MediaQuery("(prefers-color-scheme: dark)");

/** Whether the page is dark; reactive. */
export const isDark = (): boolean => preferences.theme === "dark" || (!preferences.theme && systemDark.current);

export function switchTheme(): void {
  preferences.theme = isDark() ? "light" : "dark";
  save("theme", preferences.theme);
}

/** A label with the colon of the visitor's language. */
export const labelled = (label: string): string => label + strings().colon;

/** The unit of a share, which stays on the line of its number. */
const PERCENT = "\u00a0%";

/** Format a share: 41 %, but 99.7 % near the ends, and 0 % and 100 % only if nothing or everything is meant. */
export function percent(share: number): string {
  if (share >= 0.9995 && share < 1) return `> 99.9${PERCENT}`;
  if (share > 0 && share < 0.0005) return `< 0.1${PERCENT}`;
  const nearEnd = share !== 0 && share !== 1 && (share >= 0.995 || share <= 0.005);
  return `${(100 * share).toFixed(nearEnd ? 1 : 0)}${PERCENT}`;
}

/** Smallest difference of a probability from 0 and 1. */
const MIN_DOUBT = 1e-6;

/** Format a probability, which is never exactly 0 or 1, even where rounding made it so. */
export const probability = (p: number): string => percent(Math.min(1 - MIN_DOUBT, Math.max(MIN_DOUBT, p)));

/** The kind of a model, in the visitor's language. */
export const kindOf = (model: { kind: string }): string => strings().kinds[model.kind] ?? model.kind;
