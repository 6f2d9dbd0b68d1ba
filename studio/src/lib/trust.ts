// How far to trust an image, as the server judges it: said once, for rings, words and curves alike.

/** By what an image is judged; see the server's `maps/trust.py`. */
export const MEASURES = ["distance", "round_trip", "doubt", "strange", "error"] as const;
export type Measure = (typeof MEASURES)[number];
export type Grade = "among" | "edge" | "off";

export interface Trust {
  /** the share of held-out images that are as far out, by any measure */
  level: number;
  /** number of the nearest training image */
  nearest: number;
  /** to the data, in units of z; NaN without encoder */
  distance: number;
  roundTrip: number;
  /** by each measure that is known the share of held-out images that are less unusual */
  rarity: Partial<Record<Measure, number>>;
}

/** Below these levels an image is at the edge of the data, and off them: as in the server. */
export const EDGE = 0.1;
export const OFF = 0.01;
/** Below this share of what varies between images, a model keeps little; below the other, hardly anything. */
export const POOR = 0.3;
export const UNTAUGHT = 0.1;

/** Columns of a row of trust, as the server sends them. */
export const COLUMNS = 4 + MEASURES.length;

/** A row of trust; what is unknown is NaN, or null where it came as JSON. */
export function trustOf(row: ArrayLike<number | null>): Trust {
  const [level, nearest, distance, roundTrip, ...rarities] = Array.from(row, (value) => value ?? NaN);
  const known = MEASURES.map((name, i) => [name, rarities[i]] as const).filter(([, value]) => !Number.isNaN(value));
  return { level, nearest, distance, roundTrip, rarity: Object.fromEntries(known) };
}

/** The measures that are known of an image. */
export const known = (trust: Trust): Measure[] => MEASURES.filter((name) => name in trust.rarity);

/** Null where nothing is known. */
export const levelOf = (trust: Trust | undefined): number | null => (trust && !Number.isNaN(trust.level) ? trust.level : null);

/** The measure by which an image is farthest out; the first of those that are equal. */
export function worstOf(trust: Trust): Measure | null {
  const names = known(trust);
  return names.length ? names.reduce((worst, name) => (trust.rarity[name]! > trust.rarity[worst]! ? name : worst)) : null;
}

export const gradeOf = (level: number): Grade => (level >= EDGE ? "among" : level >= OFF ? "edge" : "off");

/** From green (among the data) through amber (at their edge) to red (off them): a band of hues for each, so
 * that no colour says other than the words. A model that keeps little is never green.
 *
 * @param fidelity of the model; null: unknown */
export function trustColour(level: number, fidelity: number | null = null): string {
  const most = fidelity === null || fidelity >= POOR ? 1 : fidelity >= UNTAUGHT ? 0.5 * EDGE : 0;
  const shown = Math.min(level, most);
  const part = (from: number, to: number): number => Math.min(1, Math.log(Math.max(shown, from) / from) / Math.log(to / from));
  const hue = { among: 105 + 35 * part(EDGE, 0.3), edge: 26 + 20 * part(OFF, EDGE), off: 4 }[gradeOf(shown)];
  return `hsl(${hue.toFixed(0)} 68% 42%)`;
}
