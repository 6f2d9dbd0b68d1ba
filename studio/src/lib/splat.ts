// The map's points: a pass over typed arrays into an image, on any machine and always the same.
// A pixel's colour is the mean of its points' class colours, and its strength grows with their
// number, whatever order they are drawn in.

/** Pixels of a unit, at least and at most. */
export const NEAREST = [2, 20_000] as const;

export interface View {
  /** the middle, in units of the map */
  x: number;
  y: number;
  /** pixels for each unit */
  scale: number;
}

export class Splat {
  private image: ImageData | null = null;
  /** red, green, blue and number of points, cell by cell; zero between two drawings */
  private sums = new Float32Array(0);
  private touched = new Int32Array(0);
  private count = 0;

  draw(
    context: CanvasRenderingContext2D,
    points: Float32Array,
    classes: Uint8Array,
    palette: Float32Array,
    view: View,
    size: number,
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
    const { x, y, scale } = view; // read once: it may be a reactive proxy
    const left = width / 2 - x * scale;
    const top = height / 2 + y * scale;
    let count = 0;
    for (let i = 0; i < classes.length; i++) {
      const px = Math.floor(left + points[2 * i] * scale);
      const py = Math.floor(top - points[2 * i + 1] * scale);
      if (px < 0 || py < 0 || px > width - size || py > height - size) continue;
      const hue = 3 * classes[i];
      const r = palette[hue];
      const g = palette[hue + 1];
      const b = palette[hue + 2];
      for (let dy = 0; dy < size; dy++) {
        const row = (py + dy) * width + px;
        for (let cell = row; cell < row + size; cell++) {
          const at = 4 * cell;
          if (sums[at + 3] === 0) touched[count++] = cell;
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
      const strength = STRENGTH[n < STRENGTH.length ? n : STRENGTH.length - 1];
      out[touched[i]] =
        (strength << 24) | ((sums[at + 2] / n) << 16) | ((sums[at + 1] / n) << 8) | (sums[at] / n);
      sums[at] = sums[at + 1] = sums[at + 2] = sums[at + 3] = 0;
    }
    this.count = count;
    context.putImageData(image, 0, 0);
  }
}

const STRENGTH = Uint8ClampedArray.from({ length: 32 }, (_, count) => 255 * (1 - Math.exp(-0.55 * count)));

const ENOUGH = 10_000;

/** The view that holds nearly all points: not the few far out. Of many points, evenly spaced ones
 * say as much. */
export function fit(points: Float32Array, width: number, height: number): View {
  const step = Math.max(1, Math.floor(points.length / 2 / ENOUGH));
  const n = Math.ceil(points.length / 2 / step);
  const [xs, ys] = [new Float32Array(n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    xs[i] = points[2 * step * i];
    ys[i] = points[2 * step * i + 1];
  }
  xs.sort();
  ys.sort();
  const low = Math.floor(0.002 * (n - 1));
  const high = Math.ceil(0.998 * (n - 1));
  const wide = Math.max(1e-6, xs[high] - xs[low]);
  const tall = Math.max(1e-6, ys[high] - ys[low]);
  return {
    x: (xs[low] + xs[high]) / 2,
    y: (ys[low] + ys[high]) / 2,
    scale: 0.92 * Math.min(width / wide, height / tall),
  };
}
