// The sentence that sums up the scores of an image, in all parts of the page.
import { percent, strings } from "./preferences.svelte";
import { changesClass, gradeOf, hasLatent, isUnread, LOW_FIDELITY, weakestOf, type Scores } from "./scores";

/** The sentence for an image.
 *
 * @param fidelity fidelity of the model; null if unknown
 * @param real whether the image is the reconstruction of a real image; if so, the sentence describes the real
 * image
 * @param classes names of the classes */
export function verdictOf(scores: Scores, fidelity: number | null, real = false, classes: string[] = []): string {
  const t = strings().verdict;
  const grade = gradeOf(scores.level);
  const weakest = weakestOf(scores)!;
  const kept = fidelity === null ? "" : fidelity > 0 ? percent(fidelity) : "0 %";
  const lowFidelity = fidelity !== null && fidelity < LOW_FIDELITY ? t.lowFidelity(kept) : "";
  const nameOf = (label: number): string => classes[label] ?? String(label);
  if (changesClass(scores)) {
    const original = nameOf(scores.original);
    return (scores.read < 0 ? t.unread(original) : t.changed(original, nameOf(scores.read))) + lowFidelity;
  }
  if (isUnread(scores) && grade === "borderline") return t.unreadOriginal + lowFidelity;
  if (grade === "unknown") return t.unknown + lowFidelity;
  const compared = scores.level > 0 ? t.shareOfReal(percent(1 - scores.level)) : t.everyHeldOut;
  if (real) return t.real[grade](compared, t.reason[weakest]) + lowFidelity;
  if (grade !== "typical") return t[grade][weakest] + lowFidelity;
  if (lowFidelity) return t.typicalBut + lowFidelity;
  return hasLatent(scores) ? t.typical(kept) : t.realistic;
}
