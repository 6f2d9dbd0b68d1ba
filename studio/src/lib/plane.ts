// A plane in a latent space: z = origin + x axes[0] + y axes[1].
import type { Plane } from "./api";

/** Places of the plane, x and y by turns, as latents, one after the other. */
export function lift({ origin, axes }: Plane, points: Float32Array | Float64Array): Float32Array {
  const found = new Float32Array((points.length / 2) * origin.length);
  for (let i = 0; i < found.length; i++) {
    const row = Math.floor(i / origin.length);
    const d = i % origin.length;
    found[i] = origin[d] + points[2 * row] * axes[0][d] + points[2 * row + 1] * axes[1][d];
  }
  return found;
}

/** Where the shadows of latents fall on the plane. */
export function shadows({ origin, axes }: Plane, z: Float32Array): [number, number][] {
  const found: [number, number][] = [];
  for (let start = 0; start < z.length; start += origin.length) {
    let x = 0;
    let y = 0;
    for (let d = 0; d < origin.length; d++) {
      x += axes[0][d] * (z[start + d] - origin[d]);
      y += axes[1][d] * (z[start + d] - origin[d]);
    }
    found.push([x, y]);
  }
  return found;
}
