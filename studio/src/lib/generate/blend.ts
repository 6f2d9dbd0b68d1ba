// Places on a line or in a triangle, and the weights of classes that they stand for.
import type { Model } from "../api";
import { classArgument } from "../samples";

/** Images of one blend, each of its own z. */
export const BLENDS = 6;
/** Of the pad, in its own units: a line between two classes, a triangle between three. */
export const sizeOf = (count: number): { width: number; height: number } => ({ width: 260, height: count === 2 ? 44 : 216 });
const CORNERS: Record<number, { x: number; y: number }[]> = {
  2: [{ x: 18, y: 22 }, { x: 242, y: 22 }],
  3: [{ x: 130, y: 18 }, { x: 18, y: 198 }, { x: 242, y: 198 }],
};

export interface Part {
  index: number;
  weight: number;
}

export interface Place {
  x: number;
  y: number;
}

/** Where weights that sum to one lie on the pad. */
export function place(weights: number[]): Place {
  const corners = CORNERS[weights.length];
  const sum = (axis: "x" | "y"): number => corners.reduce((all, corner, i) => all + weights[i] * corner[axis], 0);
  return { x: sum("x"), y: sum("y") };
}

/** The weights, in whole percent, of the place inside that is nearest in direction. */
export function between({ x, y }: Place, count: number): number[] {
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
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const whole = weights.map((weight) => Math.round((100 * weight) / sum));
  whole[whole.indexOf(Math.max(...whole))] += 100 - whole.reduce((all, weight) => all + weight, 0);
  return whole.map((weight) => weight / 100);
}

/** A blend as `sample` takes it: 3:0.6,8:0.4. */
export const labelOf = (model: Model, parts: Part[]): string =>
  parts.map(({ index, weight }) => `${classArgument(model, index)}:${weight.toFixed(2).replace(/\.?0+$/, "")}`).join(",");

/** The parts that a blend names; where it makes no sense, the first two that look alike in digits. */
export function parts(model: Model, text: string): Part[] {
  const found = text.split(",").map((part): Part => {
    const cut = part.lastIndexOf(":");
    const name = part.slice(0, cut);
    const index = model.classes.includes(name) ? model.classes.indexOf(name) : Number(name || "x");
    return { index, weight: Number(part.slice(cut + 1)) };
  });
  const sum = found.reduce((all, { weight }) => all + weight, 0);
  const right = found.every(({ index, weight }) => index in model.classes && weight >= 0) && sum > 0;
  const apart = new Set(found.map(({ index }) => index)).size === found.length;
  if (right && apart && (found.length === 2 || found.length === 3))
    return found.map(({ index, weight }) => ({ index, weight: weight / sum }));
  const usual = model.classes.length > 8 ? [3, 8] : [0, 1];
  return [{ index: usual[0], weight: 0.6 }, { index: usual[1], weight: 0.4 }];
}
