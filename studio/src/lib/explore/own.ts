// Draws from one's own Gaussian, made in the page as `of_ellipse` makes them in Python: the noise of
// a seed is fetched once, so that what is dragged costs no more than a decode.
import { get, type Ellipse, type Plane } from "../api";
import { lift } from "../plane";

/** Standard-normal numbers, x and y by turns: those of the seed that was asked for last are kept. */
export class Noise {
  private seed = -1;
  private numbers = new Float64Array();

  constructor(private readonly model: number) {}

  async of(seed: number): Promise<Float64Array> {
    if (seed !== this.seed) {
      const content = await (await get(`/api/models/${this.model}/draws/noise?seed=${seed}`)).arrayBuffer();
      this.numbers = new Float64Array(content);
      this.seed = seed;
    }
    return this.numbers;
  }
}

/** Draws from the Gaussian on a plane whose ellipse, at one standard deviation, this is. */
export function drawsOf(one: Ellipse, flat: Plane, noise: Float64Array, temperature: number): Float32Array {
  const cos = Math.cos(one.angle);
  const sin = Math.sin(one.angle);
  const points = new Float64Array(noise.length);
  for (let i = 0; i < noise.length; i += 2) {
    const along = temperature * (noise[i] * one.major);
    const across = temperature * (noise[i + 1] * one.minor);
    points[i] = one.x + (along * cos - across * sin);
    points[i + 1] = one.y + (along * sin + across * cos);
  }
  return lift(flat, points);
}
