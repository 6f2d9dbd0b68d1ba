// The sentence that is said of a place, in Explore, Compare and the time machine alike.
import { percent, words } from "./face.svelte";
import type { Trust } from "./socket";
import { gradeOf, POOR, worstOf } from "./trust";

/** @param fidelity of the model; null: unknown */
export function verdictOf(trust: Trust, level: number, fidelity: number | null): string {
  const say = words().verdict;
  const grade = gradeOf(level);
  const kept = fidelity === null ? "" : fidelity > 0 ? percent(fidelity) : "0 %";
  if (fidelity !== null && fidelity < POOR) {
    return `${grade === "among" ? say.amongBut : say[grade][worstOf(trust)!]}${say.poor(kept)}`;
  }
  return grade === "among" ? say.among(kept) : say[grade][worstOf(trust)!];
}
