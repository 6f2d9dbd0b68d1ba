// The explanation that is open, and where; `Glossary.svelte` shows it.
import { en } from "./locales/glossary";

export type TermName = keyof typeof en.terms;

export const glossary = $state<{ name: TermName | null; anchor: HTMLElement | null }>({ name: null, anchor: null });

const MARKED = /\[\[(\w+):(.+?)\]\]/g;

/** Split a sentence, such as "Drawn from the [[prior:prior]].", into text and words with an explanation. */
export function splitTerms(text: string): { text: string; name: TermName | null }[] {
  const parts: { text: string; name: TermName | null }[] = [];
  let end = 0;
  for (const match of text.matchAll(MARKED)) {
    if (!(match[1] in en.terms)) continue;
    parts.push({ text: text.slice(end, match.index), name: null }, { text: match[2], name: match[1] as TermName });
    end = match.index + match[0].length;
  }
  return [...parts, { text: text.slice(end), name: null }];
}

/** A sentence without the marks of its terms, for attributes. */
export const plainText = (text: string): string => splitTerms(text).map((part) => part.text).join("");

/** Show the explanation of a term next to an element; again on the same element closes it. */
export function openTerm(name: TermName, anchor: HTMLElement): void {
  const isOpen = glossary.name === name && glossary.anchor === anchor;
  glossary.name = isOpen ? null : name;
  glossary.anchor = isOpen ? null : anchor;
}

/** Hide the explanation, and give the focus back to the word if it was inside. */
export function closeTerm(): void {
  glossary.anchor?.focus();
  glossary.name = glossary.anchor = null;
}
