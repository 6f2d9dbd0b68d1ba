// Points on a line or in a triangle, and the class weights that they represent (barycentric coordinates).
import type { Model } from "../api";
import { classArgument, classNumber } from "../samples";

/** Number of images of a blend, each with its own z. */
export const BLENDS = 6;
/** Size of the pad in its own units: a line for two classes, a triangle for three. */
export const sizeOf = (count: number): { width: number; height: number } => ({ width: 260, height: count === 2 ? 44 : 216 });
const CORNERS: Record<number, { x: number; y: number }[]> = {
  2: [{ x: 18, y: 22 }, { x: 242, y: 22 }],
  3: [{ x: 130, y: 18 }, { x: 18, y: 198 }, { x: 242, y: 198 }],
};

export interface Part {
  index: number;
  weight: number;
}

export interface Point {
  x: number;
  y: number;
}

/** The point of the pad that weights (which sum to one) represent. */
export function pointOf(weights: number[]): Point {
  const corners = CORNERS[weights.length];
  const sum = (axis: "x" | "y"): number => corners.reduce((total, corner, i) => total + weights[i] * corner[axis], 0);
  return { x: sum("x"), y: sum("y") };
}

/** The weights of a point of the pad, in whole percent; a point outside is moved inside. */
export function weightsAt({ x, y }: Point, count: number): number[] {
  const [a, b, c] = CORNERS[count];
  let weights: number[];
  if (count === 2) {
    const part = Math.min(1, Math.max(0, (x - a.x) / (b.x - a.x)));
    weights = [1 - part, part];
  } else {
    const area = (b.y - c.y) * (a.x - c.x) + (c.x - b.x) * (a.y - c.y);
    const first = ((b.y - c.y) * (x - c.x) + (c.x - b.x) * (y - c.y)) / area;
    const second = ((c.y - a.y) * (x - c.x) + (a.x - c.x) * (y - c.y)) / area;
    weights = [first, second, 1 - first - second].map((weight) => Math.max(0, weight));
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const percents = weights.map((weight) => Math.round((100 * weight) / sum));
  percents[percents.indexOf(Math.max(...percents))] += 100 - percents.reduce((total, value) => total + value, 0);
  return percents.map((weight) => weight / 100);
}

/** A blend as the `label` of `sample`: 3:0.6,8:0.4. */
export const labelOf = (model: Model, parts: Part[]): string =>
  parts.map(({ index, weight }) => `${classArgument(model, index)}:${weight.toFixed(2).replace(/\.?0+$/, "")}`).join(",");

/** Parse a blend; an invalid one becomes a blend of two classes, which among digits look similar. */
export function parseBlend(model: Model, text: string): Part[] {
  const parts = [...text.matchAll(/(.+?):([^:,]*)(?:,|$)/gs)].map(
    ([, name, weight]): Part => ({ index: classNumber(model.classes, name), weight: Number(weight) }),
  );
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const valid = parts.every(({ index, weight }) => index in model.classes && weight >= 0) && sum > 0;
  const distinct = new Set(parts.map(({ index }) => index)).size === parts.length;
  if (valid && distinct && (parts.length === 2 || parts.length === 3))
    return parts.map(({ index, weight }) => ({ index, weight: weight / sum }));
  const [first, second] = model.classes.length > 8 ? [3, 8] : [0, 1];
  return [{ index: first, weight: 0.6 }, { index: second, weight: 0.4 }];
}
