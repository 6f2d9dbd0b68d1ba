// Messages that the server sends as a code with values, for the page to write in its own language.
import { preferences } from "./preferences.svelte";

/** A code and the values of its text's placeholders; a list contains names of classes. */
export interface Message {
  code: string;
  values: Record<string, string | number | string[]>;
}

const MAX_CLASSES = 6;

/** Replace the placeholders of a text, such as "{count}". */
export function fillIn(template: string, values: Message["values"]): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => (name in values ? formatValue(values[name]) : placeholder));
}

function formatValue(value: Message["values"][string]): string {
  return Array.isArray(value) ? classList(value) : value.toLocaleString("en");
}

function classList(names: string[]): string {
  const shown = names.length > MAX_CLASSES ? names.slice(0, MAX_CLASSES - 1) : names;
  const more = names.length - shown.length;
  if (preferences.language !== "en") return `類別 ${shown.join("、")}${more ? `等 ${names.length} 類` : ""}`;
  return `${shown.join(", ")}${more ? ` and ${more} more` : ""}`;
}
