// A plane in a latent space: z = origin + x axes[0] + y axes[1].
import type { Plane } from "./api";

/** Map points of the plane (x and y alternating) to latents, concatenated. */
export function unproject({ origin, axes }: Plane, points: Float32Array | Float64Array): Float32Array {
  const latents = new Float32Array((points.length / 2) * origin.length);
  for (let i = 0; i < latents.length; i++) {
    const row = Math.floor(i / origin.length);
    const d = i % origin.length;
    latents[i] = origin[d] + points[2 * row] * axes[0][d] + points[2 * row + 1] * axes[1][d];
  }
  return latents;
}

/** Project latents onto the plane. */
export function project({ origin, axes }: Plane, z: Float32Array): [number, number][] {
  const points: [number, number][] = [];
  for (let start = 0; start < z.length; start += origin.length) {
    let x = 0;
    let y = 0;
    for (let d = 0; d < origin.length; d++) {
      x += axes[0][d] * (z[start + d] - origin[d]);
      y += axes[1][d] * (z[start + d] - origin[d]);
    }
    points.push([x, y]);
  }
  return points;
}
