// Density plot of the map's points, computed on the CPU so that every machine draws the same pixels.
// A pixel has the mean class colour of its points, and an opacity that grows with their number; the
// order of the points doesn't matter.

import type { Box, PointMap } from "./api";
import { rgb } from "./palette";
import { knownGrid } from "./pointGrid";

/** Lowest and highest zoom of a map, in pixels per unit. */
export const SCALE_LIMITS = [2, 20_000] as const;

export interface View {
  /** centre, in units of the map */
  x: number;
  y: number;
  /** pixels per unit */
  scale: number;
}

const ALL_VISIBLE = new Uint8Array(256).fill(1);

/** Two sums share one float64, which is exact up to 2^53; a sum of 260,000 points is below this factor. */
const SHARED = 2 ** 26;
/** What a point adds to the sums of a pixel, by class number: red and green, blue and the count. */
const RED_GREEN = Float64Array.from({ length: 256 }, (_, c) => rgb[3 * c] + SHARED * rgb[3 * c + 1]);
const BLUE_COUNT = Float64Array.from({ length: 256 }, (_, c) => rgb[3 * c + 2] + SHARED);
/** Opacity by the number of points in a pixel, as the highest byte of a pixel. */
const OPACITY = Int32Array.from({ length: 32 }, (_, count) => Math.round(255 * (1 - Math.exp(-0.55 * count))) << 24);

export class Splat {
  private image: ImageData | null = null;
  private out = new Int32Array(0);
  /** two sums for each pixel; all zero between two calls */
  private sums = new Float64Array(0);
  private touched = new Int32Array(0);
  private count = 0;

  /** Draw the points of a map. Points that were sorted by place, see `gridOf`, are drawn faster.
   *
   * @param visible whether points of a class are drawn, by class number */
  draw(context: CanvasRenderingContext2D, map: PointMap, view: View, size: number, visible: Uint8Array = ALL_VISIBLE): void {
    const { width, height } = context.canvas;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = context.createImageData(width, height);
      this.out = new Int32Array(this.image.data.buffer);
      this.sums = new Float64Array(2 * width * height);
      this.touched = new Int32Array(width * height);
      this.count = 0;
    }
    const { image, out, sums, touched } = this;
    for (let i = 0; i < this.count; i++) out[touched[i]] = 0;
    this.count = 0;
    const { x, y, scale } = view; // once, since `view` may be a slow reactive proxy
    const [halfX, halfY] = [(width / 2 + size) / scale, (height / 2 + size) / scale];
    const grid = knownGrid(map);
    if (grid) {
      grid.forEachRow(x - halfX, x + halfX, y - halfY, y + halfY, (from, to) => this.add(grid.points, grid.classes, from, to, x, y, scale, size, visible));
    } else this.add(map.points, map.classes, 0, map.classes.length, x, y, scale, size, visible);
    for (let i = 0; i < this.count; i++) {
      const pixel = touched[i];
      const redGreen = sums[2 * pixel];
      const blueCount = sums[2 * pixel + 1];
      sums[2 * pixel] = sums[2 * pixel + 1] = 0;
      const n = Math.floor(blueCount / SHARED);
      const green = Math.floor(redGreen / SHARED);
      const red = redGreen - SHARED * green;
      const blue = blueCount - SHARED * n;
      out[pixel] = OPACITY[n < OPACITY.length ? n : OPACITY.length - 1] | ((blue / n) << 16) | ((green / n) << 8) | (red / n);
    }
    context.putImageData(image, 0, 0);
  }

  /** Add the points from one index to another to the sums. */
  private add(
    points: Float32Array, classes: Uint8Array, from: number, to: number,
    x: number, y: number, scale: number, size: number, visible: Uint8Array,
  ): void {
    const { sums, touched } = this;
    const { width, height } = this.image!;
    const left = width / 2 - x * scale;
    const top = height / 2 + y * scale;
    const endX = width - size + 1;
    const endY = height - size + 1;
    let { count } = this;
    for (let i = from; i < to; i++) {
      const label = classes[i];
      const fx = left + points[2 * i] * scale;
      const fy = top - points[2 * i + 1] * scale;
      if (!visible[label] || !(fx >= 0 && fy >= 0 && fx < endX && fy < endY)) continue;
      const redGreen = RED_GREEN[label];
      const blueCount = BLUE_COUNT[label];
      const corner = (fy | 0) * width + (fx | 0);
      for (let dy = 0; dy < size; dy++) {
        const row = corner + dy * width;
        for (let pixel = row; pixel < row + size; pixel++) {
          const at = 2 * pixel;
          if (sums[at + 1] === 0) touched[count++] = pixel;
          sums[at] += redGreen;
          sums[at + 1] += blueCount;
        }
      }
    }
    this.count = count;
  }
}

/** Quantiles of this many evenly spaced points are exact enough for a view. */
const FIT_POINTS = 10_000;
const FIT_QUANTILE = 0.002;

/** Return the view that contains all points except outliers. */
export function fit(points: Float32Array, width: number, height: number): View {
  const { left, right, low, high } = boundsOf(points);
  return {
    x: (left + right) / 2,
    y: (low + high) / 2,
    scale: 0.92 * Math.min(width / Math.max(1e-6, right - left), height / Math.max(1e-6, high - low)),
  };
}

const knownBounds = new WeakMap<Float32Array, Box>();

/** The box of all points except outliers, computed once. */
function boundsOf(points: Float32Array): Box {
  const known = knownBounds.get(points);
  if (known) return known;
  const step = Math.max(1, Math.floor(points.length / 2 / FIT_POINTS));
  const n = Math.ceil(points.length / 2 / step);
  const [xs, ys] = [new Float32Array(n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    xs[i] = points[2 * step * i];
    ys[i] = points[2 * step * i + 1];
  }
  xs.sort();
  ys.sort();
  const first = Math.floor(FIT_QUANTILE * (n - 1));
  const last = Math.ceil((1 - FIT_QUANTILE) * (n - 1));
  const bounds = { left: xs[first], right: xs[last], low: ys[first], high: ys[last] };
  knownBounds.set(points, bounds);
  return bounds;
}
