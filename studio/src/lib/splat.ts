// The map's points: a pass over typed arrays into an image, on any machine and always the same.
// A pixel's colour is the mean of its points' class colours, and its strength grows with their
// number, whatever order they are drawn in.

export interface View {
  /** the middle, in units of the map */
  x: number;
  y: number;
  /** pixels for each unit */
  scale: number;
}

export class Splat {
  private sums = new Float32Array(0);

  draw(
    context: CanvasRenderingContext2D,
    points: Float32Array,
    classes: Uint8Array,
    palette: [number, number, number][],
    view: View,
    size: number,
  ): void {
    const { width, height } = context.canvas;
    const cells = width * height;
    if (this.sums.length !== 4 * cells) this.sums = new Float32Array(4 * cells);
    const sums = this.sums;
    sums.fill(0);
    const left = width / 2 - view.x * view.scale;
    const top = height / 2 + view.y * view.scale;
    const grey: [number, number, number] = [127, 127, 127];
    for (let i = 0; i < classes.length; i++) {
      const px = Math.floor(left + points[2 * i] * view.scale);
      const py = Math.floor(top - points[2 * i + 1] * view.scale);
      if (px < 0 || py < 0 || px > width - size || py > height - size) continue;
      const [r, g, b] = palette[classes[i]] ?? grey;
      for (let dy = 0; dy < size; dy++) {
        for (let dx = 0; dx < size; dx++) {
          const at = 4 * ((py + dy) * width + px + dx);
          sums[at] += r;
          sums[at + 1] += g;
          sums[at + 2] += b;
          sums[at + 3] += 1;
        }
      }
    }
    const image = context.createImageData(width, height);
    const out = image.data;
    for (let at = 0; at < 4 * cells; at += 4) {
      const count = sums[at + 3];
      if (count === 0) continue;
      out[at] = sums[at] / count;
      out[at + 1] = sums[at + 1] / count;
      out[at + 2] = sums[at + 2] / count;
      out[at + 3] = STRENGTH[Math.min(count, STRENGTH.length - 1)];
    }
    context.putImageData(image, 0, 0);
  }
}

const STRENGTH = Uint8ClampedArray.from({ length: 32 }, (_, count) => 255 * (1 - Math.exp(-0.55 * count)));

/** The view that holds nearly all points: not the few far out. */
export function fit(points: Float32Array, width: number, height: number): View {
  const n = points.length / 2;
  const xs = Float32Array.from({ length: n }, (_, i) => points[2 * i]).sort();
  const ys = Float32Array.from({ length: n }, (_, i) => points[2 * i + 1]).sort();
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
