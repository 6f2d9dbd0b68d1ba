// Text of a diagnosis in the visitor's language. The server sends message codes with values, and its
// own English text, which is shown for a code that has no translation.
import { fillIn, type Message } from "../messages";
import { preferences } from "../preferences.svelte";
import zhTW from "../locales/doctor.json";
import type { Diagnosis, Issue, Status } from "./runs";

export interface LocalizedText {
  text: string;
  /** set if the text is not in the page's language */
  lang?: "en";
}

type Table = Record<string, string>;
type Section = "statuses" | "issues" | "signs" | "evidence" | "fixes" | "reasons" | "players";
const translations: Record<string, Record<Section, Table>> = { "zh-TW": zhTW };

const translation = (): Record<Section, Table> | undefined => translations[preferences.language];
/** Translate a name, which is its own English text. */
const translateName = (section: "statuses" | "issues" | "evidence", name: string): string => translation()?.[section][name] ?? name;

export const statusName = (name: string): string => translateName("statuses", name);
export const issueName = (name: string): string => translateName("issues", name);
export const evidenceName = (name: string): string => translateName("evidence", name);

/** Translate a message; null without a translation. */
function translate(section: "signs" | "fixes" | "reasons", { code, values }: Message): string | null {
  const template = code === "error" ? undefined : translation()?.[section][code];
  if (template === undefined) return null;
  const { player } = values;
  return fillIn(template, player ? { ...values, player: translation()?.players[String(player)] ?? player } : values);
}

const withFallback = (text: string | null, english: string): LocalizedText =>
  text === null ? { text: english, lang: preferences.language === "en" ? undefined : "en" } : { text };

export function describe(issue: Issue): LocalizedText {
  const signs = issue.signs.map((sign) => translate("signs", sign));
  return withFallback(signs.every((sign) => sign !== null) ? `${signs.join("，而且")}。` : null, issue.description);
}

export const describeFix = (issue: Issue): LocalizedText => withFallback(translate("fixes", issue.fix_code), issue.fix);

/** Why it is not known whether a run has issues. */
export function describeStatus(status: Status): LocalizedText {
  const reasons = status.reasons.map((reason) => translate("reasons", reason));
  return withFallback(reasons.every((reason) => reason !== null) ? `${reasons.join("；")}。` : null, `${status.description}.`);
}

/** How to train longer; null for a status without advice. */
export const describeAdvice = (status: Status): LocalizedText | null =>
  status.advice_code && withFallback(translate("fixes", status.advice_code), status.advice);

/** Why an issue was not checked. */
export function describeReason(diagnosis: Diagnosis, issue: string): LocalizedText {
  const reason = diagnosis.reasons[issue];
  return withFallback(reason ? translate("reasons", reason) : null, diagnosis.not_checked[issue]);
}
