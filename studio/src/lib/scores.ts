// The scores of an image and what they mean, defined once for rings, sentences and curves.

/** The measures by which an image is compared with held-out images. */
export const MEASURES = ["distance", "round_trip", "doubt", "strange", "error"] as const;
export type Measure = (typeof MEASURES)[number];
export type Grade = "typical" | "borderline" | "unusual";

export interface Scores {
  /** share of held-out images that are at least as unusual, over all measures */
  level: number;
  /** number of the nearest training image */
  nearest: number;
  /** distance to the training data, in units of z; NaN without an encoder */
  distance: number;
  roundTrip: number;
  /** share of held-out images that are less unusual, for each available measure */
  rarity: Partial<Record<Measure, number>>;
}

/** Thresholds of `level` for the grades; the server uses the same. */
export const BORDERLINE = 0.1;
export const UNUSUAL = 0.01;
/** Fidelity is the share of variance that reconstructions keep. Below `LOW_FIDELITY`, images are never
 * rated green; below `VERY_LOW_FIDELITY`, they are always rated red. */
export const LOW_FIDELITY = 0.3;
export const VERY_LOW_FIDELITY = 0.1;

/** Number of values in a row of scores from the server. */
export const SCORE_COLUMNS = 4 + MEASURES.length;

/** Parse a row of scores; missing values are NaN, or null if they come from JSON. */
export function parseScores(row: ArrayLike<number | null>): Scores {
  const [level, nearest, distance, roundTrip, ...rarities] = Array.from(row, (value) => value ?? NaN);
  const available = MEASURES.map((name, i) => [name, rarities[i]] as const).filter(([, value]) => !Number.isNaN(value));
  return { level, nearest, distance, roundTrip, rarity: Object.fromEntries(available) };
}

/** The measures that are available for an image. */
export const measuresOf = (scores: Scores): Measure[] => MEASURES.filter((name) => name in scores.rarity);

/** The level of an image; null without scores. */
export const levelOf = (scores: Scores | undefined): number | null => (scores && !Number.isNaN(scores.level) ? scores.level : null);

/** The measure by which an image is most unusual, the first one on a tie; null without measures. */
export function weakestOf(scores: Scores): Measure | null {
  const names = measuresOf(scores);
  return names.length ? names.reduce((weakest, name) => (scores.rarity[name]! > scores.rarity[weakest]! ? name : weakest)) : null;
}

export const gradeOf = (level: number): Grade => (level >= BORDERLINE ? "typical" : level >= UNUSUAL ? "borderline" : "unusual");

/** A colour from green (typical) through amber (borderline) to red (unusual). The grades have disjoint
 * ranges of hues, so that colours and sentences always agree.
 *
 * @param fidelity fidelity of the model, which limits how green the colour can be; null if unknown */
export function levelColour(level: number, fidelity: number | null = null): string {
  const limit = fidelity === null || fidelity >= LOW_FIDELITY ? 1 : fidelity >= VERY_LOW_FIDELITY ? 0.5 * BORDERLINE : 0;
  const shown = Math.min(level, limit);
  const part = (from: number, to: number): number => Math.min(1, Math.log(Math.max(shown, from) / from) / Math.log(to / from));
  const hue = { typical: 105 + 35 * part(BORDERLINE, 0.3), borderline: 26 + 20 * part(UNUSUAL, BORDERLINE), unusual: 4 }[gradeOf(shown)];
  return `hsl(${hue.toFixed(0)} 68% 42%)`;
}
