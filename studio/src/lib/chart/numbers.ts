// Arithmetic for charts: value ranges, ticks, nearest values, and short number formats.

export type Point = [number, number];

/** Position of a value within a range, from 0 to 1; with `log`, even in log(1 + value). */
export function fraction(value: number, [low, high]: Point, log = false): number {
  const transform = log ? (v: number): number => Math.log1p(Math.max(0, v)) : (v: number): number => v;
  return (transform(value) - transform(low)) / (transform(high) - transform(low) || 1);
}

/** Index of the value nearest to a target; the later one of two equally near values.
 *
 * @param transform distances are measured between transformed values */
export function nearestIndex(values: number[], target: number, transform: (value: number) => number = (v) => v): number {
  const distance = (value: number): number => Math.abs(transform(value) - transform(target));
  let best = 0;
  for (let i = 1; i < values.length; i++) if (distance(values[i]) <= distance(values[best])) best = i;
  return best;
}

/** 0 and the powers of ten up to `high`: ticks of an axis in log(1 + value). */
export function decadeTicks(high: number): number[] {
  const ticks = [0];
  for (let power = 1; power <= high; power *= 10) ticks.push(power);
  return ticks;
}

/** Range of the values with a margin, cut above where a few outliers would flatten the rest. */
export function robustRange(values: number[]): Point {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const low = sorted[0];
  const highest = sorted[sorted.length - 1];
  const quantile = sorted[Math.floor(0.97 * (sorted.length - 1))];
  const hasOutliers = sorted.length > 40 && highest > quantile + 0.5 * (quantile - low);
  const high = hasOutliers ? quantile + 0.15 * (quantile - low) : highest;
  const margin = 0.06 * (high - low || Math.abs(high) || 1);
  return [low - margin, high + margin];
}

/** Format a number with at most three significant digits. */
export function formatShort(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  if (size && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return String(+value.toPrecision(3));
}
