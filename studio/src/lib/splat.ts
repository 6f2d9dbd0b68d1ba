// Density plot of the map's points, computed on the CPU so that every machine draws the same pixels.
// A pixel has the mean class colour of its points, and an opacity that grows with their number; the
// order of the points doesn't matter.

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

export class Splat {
  private image: ImageData | null = null;
  /** sums of red, green and blue, and the number of points, of each pixel; all zero between two calls */
  private sums = new Float32Array(0);
  private touched = new Int32Array(0);
  private count = 0;

  /** @param visible whether points of a class are drawn, by class number */
  draw(
    context: CanvasRenderingContext2D,
    points: Float32Array,
    classes: Uint8Array,
    palette: Float32Array,
    view: View,
    size: number,
    visible: Uint8Array = ALL_VISIBLE,
  ): void {
    const { width, height } = context.canvas;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = context.createImageData(width, height);
      this.sums = new Float32Array(4 * width * height);
      this.touched = new Int32Array(width * height);
      this.count = 0;
    }
    const { image, sums, touched } = this;
    const out = new Uint32Array(image.data.buffer);
    for (let i = 0; i < this.count; i++) out[touched[i]] = 0;
    const { x, y, scale } = view; // once, since `view` may be a slow reactive proxy
    const left = width / 2 - x * scale;
    const top = height / 2 + y * scale;
    let count = 0;
    for (let i = 0; i < classes.length; i++) {
      if (!visible[classes[i]]) continue;
      const px = Math.floor(left + points[2 * i] * scale);
      const py = Math.floor(top - points[2 * i + 1] * scale);
      if (px < 0 || py < 0 || px > width - size || py > height - size) continue;
      const colour = 3 * classes[i];
      const r = palette[colour];
      const g = palette[colour + 1];
      const b = palette[colour + 2];
      for (let dy = 0; dy < size; dy++) {
        const row = (py + dy) * width + px;
        for (let pixel = row; pixel < row + size; pixel++) {
          const at = 4 * pixel;
          if (sums[at + 3] === 0) touched[count++] = pixel;
          sums[at] += r;
          sums[at + 1] += g;
          sums[at + 2] += b;
          sums[at + 3] += 1;
        }
      }
    }
    for (let i = 0; i < count; i++) {
      const at = 4 * touched[i];
      const n = sums[at + 3];
      const opacity = OPACITY[n < OPACITY.length ? n : OPACITY.length - 1];
      out[touched[i]] =
        (opacity << 24) | ((sums[at + 2] / n) << 16) | ((sums[at + 1] / n) << 8) | (sums[at] / n);
      sums[at] = sums[at + 1] = sums[at + 2] = sums[at + 3] = 0;
    }
    this.count = count;
    context.putImageData(image, 0, 0);
  }
}

/** Opacity by the number of points in a pixel. */
const OPACITY = Uint8ClampedArray.from({ length: 32 }, (_, count) => 255 * (1 - Math.exp(-0.55 * count)));

/** Quantiles of this many evenly spaced points are exact enough for a view. */
const FIT_POINTS = 10_000;
const FIT_QUANTILE = 0.002;

/** Return the view that contains all points except outliers. */
export function fit(points: Float32Array, width: number, height: number): View {
  const step = Math.max(1, Math.floor(points.length / 2 / FIT_POINTS));
  const n = Math.ceil(points.length / 2 / step);
  const [xs, ys] = [new Float32Array(n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    xs[i] = points[2 * step * i];
    ys[i] = points[2 * step * i + 1];
  }
  xs.sort();
  ys.sort();
  const low = Math.floor(FIT_QUANTILE * (n - 1));
  const high = Math.ceil((1 - FIT_QUANTILE) * (n - 1));
  const spanX = Math.max(1e-6, xs[high] - xs[low]);
  const spanY = Math.max(1e-6, ys[high] - ys[low]);
  return {
    x: (xs[low] + xs[high]) / 2,
    y: (ys[low] + ys[high]) / 2,
    scale: 0.92 * Math.min(width / spanX, height / spanY),
  };
}

/** The number of the visible point that is nearest to a place, null if none is within reach. */
export function nearestPoint(points: Float32Array, classes: Uint8Array, visible: Uint8Array, x: number, y: number, reach: number): number | null {
  let [nearest, best]: [number | null, number] = [null, reach * reach];
  for (let i = 0; i < points.length / 2; i++) {
    const squared = (points[2 * i] - x) ** 2 + (points[2 * i + 1] - y) ** 2;
    if (squared < best && visible[classes[i]]) [nearest, best] = [i, squared];
  }
  return nearest;
}
