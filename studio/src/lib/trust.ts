// How far to trust what is decoded at a place: said once, for rings, words and curves alike.
import type { Trust } from "./socket";

/** By what a place is judged, the share of held-out images that do better. */
export const MEASURES = ["rarity", "roundTripRarity", "doubtRarity"] as const;
export type Measure = (typeof MEASURES)[number];
export type Grade = "among" | "edge" | "off";

/** Below these levels a place is at the edge of the data, and off it. */
export const EDGE = 0.1;
export const OFF = 0.01;
/** Below this share of what varies between images, a model keeps little; below the other, hardly anything. */
export const POOR = 0.3;
export const UNTAUGHT = 0.1;

/** The measures that are known of a place. */
export const known = (trust: Trust): Measure[] => MEASURES.filter((name) => !Number.isNaN(trust[name]));

/** How likely one of the held-out images is as far out by any measure that is known: Bonferroni's bound, as
 * who looks at several is more often alarmed. Null where nothing is known. */
export function levelOf(trust: Trust | undefined): number | null {
  const names = trust ? known(trust) : [];
  if (!trust || !names.length) return null;
  return Math.max(0, Math.min(1, names.length * Math.min(...names.map((name) => 1 - trust[name]))));
}

/** The measure by which a place is farthest out; the first of those that are equal. */
export function worstOf(trust: Trust): Measure | null {
  const names = known(trust);
  return names.length ? names.reduce((worst, name) => (trust[name] > trust[worst] ? name : worst)) : null;
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
