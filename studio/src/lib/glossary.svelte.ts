// The explanation that is open, and where; `Glossary.svelte` shows it.
import { en } from "./locales/glossary";

export type TermName = keyof typeof en.terms;

export const glossary = $state<{ name: TermName | null; anchor: HTMLElement | null }>({ name: null, anchor: null });

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
