// The scores of an image and what they mean, defined once for rings, sentences and curves.

/** The measures by which an image is compared with held-out images. */
export const MEASURES = ["distance", "round_trip", "doubt", "strange", "texture", "corruption", "error"] as const;
export type Measure = (typeof MEASURES)[number];
export type Grade = "typical" | "borderline" | "unusual" | "unknown";

export interface Scores {
  /** share of held-out images that are at least as unusual, over all measures; NaN if the measures can't tell */
  level: number;
  /** number of the nearest training image */
  nearest: number;
  /** distance to the training data, in units of z; NaN without an encoder */
  distance: number;
  roundTrip: number;
  /** share of held-out images that are less unusual, for each available measure */
  rarity: Partial<Record<Measure, number>>;
  /** class that the classifier reads; -1 if it reads none; NaN without a classifier */
  read: number;
  /** the same for the original of a reconstruction; NaN for other images */
  original: number;
}

/** Thresholds of `level` for the grades; the server uses the same. */
export const BORDERLINE = 0.1;
export const UNUSUAL = 0.01;
/** Fidelity is the share of variance that reconstructions keep. Below `LOW_FIDELITY`, images are never
 * rated green; below `VERY_LOW_FIDELITY`, they are always rated red. */
export const LOW_FIDELITY = 0.3;
export const VERY_LOW_FIDELITY = 0.1;

/** Number of the class if the classifier reads none. */
const NO_CLASS = -1;
/** Highest level of a reconstruction if the classifier reads no class in its original: borderline. */
const UNREAD_LEVEL = 0.05;

/** Whether the classifier reads no class in the original of a reconstruction. */
export const isUnread = ({ original }: Scores): boolean => original === NO_CLASS;

export const UNKNOWN_COLOUR = "hsl(0 0% 60%)";

/** Number of values in a row of scores from the server. */
export const SCORE_COLUMNS = 6 + MEASURES.length;

/** Parse a row of scores; missing values are NaN, or null if they come from JSON. */
export function parseScores(row: ArrayLike<number | null>): Scores {
  const [level, nearest, distance, roundTrip, ...others] = Array.from(row, (value) => value ?? NaN);
  const available = MEASURES.map((name, i) => [name, others[i]] as const).filter(([, value]) => !Number.isNaN(value));
  const [read, original] = others.slice(MEASURES.length);
  return { level: original === NO_CLASS ? Math.min(level, UNREAD_LEVEL) : level, nearest, distance, roundTrip, rarity: Object.fromEntries(available), read, original };
}

/** Whether the scores are those of a decoded latent of a model with an encoder. */
export const hasLatent = (scores: Scores): boolean => !Number.isNaN(scores.distance);

/** Whether the classifier reads another class in a reconstruction than in the original, or none. */
export const changesClass = ({ read, original }: Scores): boolean => original >= 0 && read !== original;

/** The measures that are available for an image. */
export const measuresOf = (scores: Scores): Measure[] => MEASURES.filter((name) => name in scores.rarity);

/** The level of an image; null without scores. */
export const levelOf = (scores: Scores | undefined): number | null => (scores && !Number.isNaN(scores.level) ? scores.level : null);

/** The measure by which an image is most unusual, the first one on a tie; null without measures. */
export function weakestOf(scores: Scores): Measure | null {
  const names = measuresOf(scores);
  return names.length ? names.reduce((weakest, name) => (scores.rarity[name]! > scores.rarity[weakest]! ? name : weakest)) : null;
}

export const gradeOf = (level: number): Grade =>
  Number.isNaN(level) ? "unknown" : level >= BORDERLINE ? "typical" : level >= UNUSUAL ? "borderline" : "unusual";

/** The level that rings show: a model of low fidelity is never rated typical. */
function shownLevel(level: number, fidelity: number | null): number {
  const limit = fidelity === null || fidelity >= LOW_FIDELITY ? 1 : fidelity >= VERY_LOW_FIDELITY ? 0.5 * BORDERLINE : 0;
  return Math.min(level, limit);
}

/** The grade that a ring shows, by its colour and by its mark.
 *
 * @param fidelity fidelity of the model; null if unknown */
export const shownGrade = (level: number, fidelity: number | null = null): Grade => gradeOf(shownLevel(level, fidelity));

/** A colour from green (typical) through amber (borderline) to red (unusual), or grey (unknown). The grades have disjoint
 * ranges of hues, so that colours and sentences always agree.
 *
 * @param fidelity fidelity of the model, which limits how green the colour can be; null if unknown */
export function levelColour(level: number, fidelity: number | null = null): string {
  const shown = shownLevel(level, fidelity);
  const grade = gradeOf(shown);
  if (grade === "unknown") return UNKNOWN_COLOUR;
  const part = (from: number, to: number): number => Math.min(1, Math.log(Math.max(shown, from) / from) / Math.log(to / from));
  const hue = { typical: 105 + 35 * part(BORDERLINE, 0.3), borderline: 26 + 20 * part(UNUSUAL, BORDERLINE), unusual: 4 }[grade];
  return `hsl(${hue.toFixed(0)} 68% 42%)`;
}
