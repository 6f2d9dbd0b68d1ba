// Texts of the server in the language of the page. The server sends the English text with the template that it was made
// from and the template's values. The page keeps the English text, and looks its translation up where it is shown.
import { fillIn, type Message } from "./messages";
import { preferences, strings } from "./preferences.svelte";

type Value = string | number | ServerText | Value[];

/** A text as the server sends it. */
export interface ServerText {
  text: string;
  template: string;
  values: Record<string, Value>;
}

/** An error as the server sends it; one that the server does not describe has no template. */
export interface ServerError extends Partial<Omit<ServerText, "text">> {
  error: string;
  code?: string;
}

export interface LocalizedText {
  text: string;
  /** set if the text is not in the page's language */
  lang?: "en";
}

/** Values that are words of the program: names of splits, of players, and of states of runs. */
const WORDS = new Set(["split", "player", "state"]);
/** Texts by what they are in English. */
const known = new Map<string, ServerText>();
const MAX_KNOWN = 1000;

/** Translations by template; empty until they have arrived. */
let translations = $state.raw<Record<string, string | undefined>>({});

/** Fetch the translations as soon as the page needs them; to be called while a component is created. */
export function fetchTranslations(): void {
  $effect(() => {
    if (preferences.language !== "en") void import("./locales/texts.json").then((texts) => (translations = texts.default));
  });
}

/** Keep a text of the server, so that `localize` finds its translation, and return it in English. */
export function remember(message: ServerText): string {
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(message.text, message);
  return message.text;
}

/** Keep the message of an error, and return it in English. */
export const rememberError = ({ error, template = error, values = {} }: ServerError): string => remember({ text: error, template, values });

/** Return an English text of the server, or a text of the page, in the language of the page. */
export function localize(english: string): LocalizedText {
  const message = known.get(english);
  // a text of the page is in Chinese already; one of the server may name a Chinese file or class
  if (preferences.language === "en" || (!message && /\p{Script=Han}/u.test(english))) return { text: english };
  const text = translate(message ?? { text: english, template: english, values: {} });
  return text === null ? { text: english, lang: "en" } : { text };
}

/** Return a text of the server in the language of the page. */
export const localizeText = (message: ServerText): LocalizedText => localize(remember(message));

function translate({ template, values }: ServerText): string | null {
  const translation = translations[template];
  if (translation === undefined) return null;
  const shown = Object.entries(values).map(([name, value]) => [name, WORDS.has(name) ? (translations[String(value)] ?? value) : show(value)]);
  return fillIn(translation, Object.fromEntries(shown) as Message["values"]);
}

/** Translate a value; one without a translation is shown as in English. */
function show(value: Value): string | number {
  if (Array.isArray(value)) return value.map(show).join(strings().listComma);
  return typeof value === "object" ? (translate(value) ?? value.text) : value;
}
