// The sentence that sums up the scores of an image, in all parts of the page.
import { percent, strings } from "./preferences.svelte";
import { gradeOf, LOW_FIDELITY, weakestOf, type Scores } from "./scores";

/** The sentence for an image.
 *
 * @param fidelity fidelity of the model; null if unknown
 * @param real whether the image is the reconstruction of a real image; if so, the sentence describes the real
 * image */
export function verdictOf(scores: Scores, fidelity: number | null, real = false): string {
  const t = strings().verdict;
  const grade = gradeOf(scores.level);
  const weakest = weakestOf(scores)!;
  const kept = fidelity === null ? "" : fidelity > 0 ? percent(fidelity) : "0 %";
  const lowFidelity = fidelity !== null && fidelity < LOW_FIDELITY ? t.lowFidelity(kept) : "";
  if (real) return t.real[grade](percent(1 - scores.level), t.reason[weakest]) + lowFidelity;
  if (grade !== "typical") return t[grade][weakest] + lowFidelity;
  if (lowFidelity) return t.typicalBut + lowFidelity;
  return "strange" in scores.rarity ? t.realistic : t.typical(kept);
}
