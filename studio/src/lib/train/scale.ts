// From numbers to places of a chart.

export type Point = [number, number];

export interface Scale {
  (value: number): number;
  /** the value at a place */
  invert: (place: number) => number;
}

/** Values from `low` to `high` at places from `from` to `to`; with `log`, evenly in log(1 + value). */
export function scale([low, high]: Point, [from, to]: Point, log = false): Scale {
  const bend = log ? (v: number): number => Math.log1p(Math.max(0, v)) : (v: number): number => v;
  const back = log ? Math.expm1 : (v: number): number => v;
  const span = bend(high) - bend(low) || 1;
  const to_place = (value: number): number => from + ((bend(value) - bend(low)) / span) * (to - from);
  return Object.assign(to_place, { invert: (p: number) => back(bend(low) + ((p - from) / (to - from || 1)) * span) });
}

/** A few round numbers between two. */
export function ticks(low: number, high: number, count = 4): number[] {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5].find((m) => m * unit >= rough) ?? 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}

/** Of values, the number of that which is nearest to another; of two as near, the later one.
 *
 * @param bend how they are laid out: evenly in what it makes of them */
export function nearest(values: number[], to: number, bend: (value: number) => number = (v) => v): number {
  const far = (value: number): number => Math.abs(bend(value) - bend(to));
  let best = 0;
  for (let i = 1; i < values.length; i++) if (far(values[i]) <= far(values[best])) best = i;
  return best;
}

/** Powers of ten, for an axis in log(1 + value). */
export function decades(high: number): number[] {
  const found = [0];
  for (let power = 1; power <= high; power *= 10) found.push(power);
  return found;
}

/** Of many points, those of which a line of `count` parts consists: the least and the most of each part. */
export function thin(points: Point[], count = 300): Point[] {
  if (points.length <= 2 * count) return points;
  const found: Point[] = [points[0]];
  for (let i = 0; i < count; i++) {
    const part = points.slice(Math.floor((i * points.length) / count), Math.floor(((i + 1) * points.length) / count));
    let least = part[0];
    let most = part[0];
    for (const point of part) {
      if (point[1] < least[1]) least = point;
      if (point[1] > most[1]) most = point;
    }
    found.push(...(least[0] < most[0] ? [least, most] : [most, least]));
  }
  return [...found, points[points.length - 1]];
}

/** From the least to the most, without the few highest that would flatten all others. */
export function range(values: number[]): Point {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const low = sorted[0];
  const most = sorted[sorted.length - 1];
  const usual = sorted[Math.floor(0.97 * (sorted.length - 1))];
  const many = sorted.length > 40;
  const high = many && most > usual + 0.5 * (usual - low) ? usual + 0.15 * (usual - low) : most;
  const room = 0.06 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** A number as people read it on an axis. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  if (size && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return String(+value.toPrecision(3));
}
