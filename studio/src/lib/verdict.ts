// The sentence that is said of an image, in all parts of the page alike.
import { percent, words } from "./face.svelte";
import { gradeOf, POOR, worstOf, type Trust } from "./trust";

/** @param fidelity of the model; null: unknown
 *  @param real whether it is the reconstruction of a real image, and the sentence speaks of that */
export function verdictOf(trust: Trust, fidelity: number | null, real = false): string {
  const say = words().verdict;
  const grade = gradeOf(trust.level);
  const worst = worstOf(trust)!;
  const kept = fidelity === null ? "" : fidelity > 0 ? percent(fidelity) : "0 %";
  const poor = fidelity !== null && fidelity < POOR ? say.poor(kept) : "";
  if (real) return say.real[grade](percent(1 - trust.level), say.why[worst]) + poor;
  if (grade !== "among") return say[grade][worst] + poor;
  if (poor) return say.amongBut + poor;
  return "strange" in trust.rarity ? say.like : say.among(kept);
}
