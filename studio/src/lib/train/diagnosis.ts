// What the doctor says, in the visitor's language: the server sends codes with what stands in the
// sentences, and its own English, which is shown for a code that is not known here.
import { face } from "../face.svelte";
import zhTW from "../words/doctor.json";
import { type Diagnosis, type Finding, type Said } from "./runs";

/** A text, and the language that it is in where that is not the page's. */
export interface Told {
  text: string;
  lang?: "en";
}

type Table = Record<string, string>;
const tables: Record<string, Record<"diseases" | "signs" | "evidence" | "cures" | "reasons" | "players", Table>> = { "zh-TW": zhTW };
const SHOWN = 6;

const table = (): (typeof tables)[string] | undefined => tables[face.language];
/** A word by its code; in English the code is the word. */
const word = (kind: "diseases" | "evidence", name: string): string => table()?.[kind][name] ?? name;

export const diseaseOf = (name: string): string => word("diseases", name);
export const evidenceOf = (name: string): string => word("evidence", name);

function say(kind: "signs" | "cures" | "reasons", { code, values }: Said): string | null {
  const template = code === "sentence" ? undefined : table()?.[kind][code];
  return template?.replace(/\{(\w+)\}/g, (_, name: string) => spoken(name, values[name])) ?? null;
}

function spoken(name: string, value: Said["values"][string]): string {
  if (Array.isArray(value)) {
    const more = value.length > SHOWN ? `等 ${value.length} 類` : "";
    return `類別 ${value.slice(0, more ? SHOWN - 1 : SHOWN).join("、")}${more}`;
  }
  if (name === "player") return table()?.players[String(value)] ?? String(value);
  return value.toLocaleString("en");
}

const or = (text: string | null, english: string): Told =>
  text === null ? { text: english, lang: face.language === "en" ? undefined : "en" } : { text };

export function sentenceOf(finding: Finding): Told {
  const signs = finding.signs.map((sign) => say("signs", sign));
  return or(signs.every((sign) => sign !== null) ? `${signs.join("，而且")}。` : null, finding.sentence);
}

export const cureOf = (finding: Finding): Told => or(say("cures", finding.remedy), finding.cure);

export function reasonOf(found: Diagnosis, disease: string): Told {
  const said = found.reasons[disease];
  return or(said ? say("reasons", said) : null, found.not_looked_for[disease]);
}
