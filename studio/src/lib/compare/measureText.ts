// The texts of measurements in the language of the page: names, units, protocols, parts of an evaluation.
import TEXTS from "../locales/measures.json";
import { fillIn } from "../messages";
import { preferences, strings } from "../preferences.svelte";
import type { Cell, Reason, Row } from "./measures";

type Texts = Record<string, string[] | undefined>;

const inLanguage = (texts: string[] | undefined): string | undefined => texts?.[preferences.language === "en" ? 0 : 1];
const lookUp = (texts: Texts, key: string): string => inLanguage(texts[key]) ?? key;

/** The text of a measurement by its key, or by the leading parts of its key. */
function textOf(key: string): string | undefined {
  const measures: Texts = TEXTS.measures;
  for (let parts = key.split("."); parts.length; parts = parts.slice(0, -1)) {
    const text = inLanguage(measures[parts.join(".")]);
    if (text) return text;
  }
  return undefined;
}

/** The losses of players, such as "bernoulli-gaussian" or "relativistic-wrong-label". */
function lossText(loss: string): string {
  const known: Texts = TEXTS.losses;
  if (/^\w+-(point|gaussian)$/.test(loss)) {
    const [likelihood, posterior] = loss.split("-");
    return [posterior === "gaussian" ? "VAE" : lookUp(known, "point"), lookUp(known, likelihood)].join(strings().listComma);
  }
  const first = loss.replace("-wrong-label", "");
  return [lookUp(known, first), ...(first === loss ? [] : [lookUp(known, "wrong-label")])].join(strings().listComma);
}

/** The name of a row; one of the user's own has the name that it was given. */
export function nameOf({ key, name }: Row): string {
  const isGame = key.startsWith("game.");
  const text = key.startsWith("left_out.")
    ? inLanguage((TEXTS.titles as Texts)[name] ?? Object.values(TEXTS.measures).find(([english]) => english === name))
    : textOf(isGame && name.startsWith("Optimality") ? "game.optimality" : key);
  return text?.replace("{n}", /\d[\d,]*/.exec(name)?.[0] ?? "").replace("{loss}", isGame ? lossText(key.split(".")[2] ?? "") : "") ?? name;
}

/** Why a model lacks a measurement. */
export function reasonText({ code, values, text }: Reason): string {
  const texts: Texts = TEXTS.reasons;
  const template = inLanguage(texts[code] ?? texts[code.split(".")[0]]);
  return template === undefined ? text : fillIn(template, values);
}

/** The name of a part of the evaluation. */
export const partText = (part: string): string => lookUp(TEXTS.parts, part);

/** A value with its unit, in which the server writes English units. */
export function valueText(text: string, unit: string): string {
  return unit && text.endsWith(` ${unit}`) ? `${text.slice(0, -unit.length)}${lookUp(TEXTS.units, unit)}` : text;
}

/** An interval; a one-sided one is a bound. */
export const intervalText = (text: string): string => (text.startsWith("at least ") ? `≥ ${text.slice("at least ".length)}` : text);

/** Which class or pair of classes a value belongs to. */
export function detailText(detail: string): string {
  const pair = /^a real (.+) (?:labelled|under) (.+)$/.exec(detail);
  return pair ? strings().compare.pair(pair[1], pair[2]) : detail && strings().explore.ofClass(detail);
}

/** How a value was measured: protocol, images, extractor of features. */
export function protocolText(row: Row, cell: Cell): string {
  const t = strings().compare;
  const kind = cell.extractor.split(" ")[0];
  const extractors: Texts = TEXTS.extractors;
  const family = Object.keys(extractors).find((name) => kind === name || kind.startsWith(`${name}-`));
  const extractor = kind && (family ? `${lookUp(extractors, family)}${family === kind ? "" : ` (${cell.extractor})`}` : cell.extractor);
  return [
    row.protocol && `${t.protocol}${strings().colon}${row.protocol}`,
    row.split && `${t.comparedWith}${strings().colon}${lookUp(TEXTS.splits, row.split)}`,
    extractor && `${t.extractor}${strings().colon}${extractor}`,
  ].filter(Boolean).join(" · ");
}

/** How the protocols of two values differ, which the server says as "n 100 against 101". */
export function differenceText(unlike: string): string {
  const parts = /^(\w+) (.*) against (.*)$/.exec(unlike);
  return parts && preferences.language !== "en" ? strings().compare.difference(lookUp(TEXTS.fields, parts[1]), parts[2], parts[3]) : unlike;
}
