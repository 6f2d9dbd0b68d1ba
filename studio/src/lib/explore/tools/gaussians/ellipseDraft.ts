// Samples from the ellipse that the visitor draws. They are computed here, with the same noise as
// `of_ellipse` in Python, so that dragging a handle costs only one decode.
import { get, type Ellipse, type Plane } from "../../../api";
import { unproject } from "../../../plane";

/** Standard-normal numbers, x and y alternating; those of the last seed are cached. */
export class Noise {
  private seed = -1;
  private numbers = new Float64Array();

  constructor(private readonly model: number) {}

  async of(seed: number): Promise<Float64Array> {
    if (seed !== this.seed) {
      const content = await (await get(`api/models/${this.model}/gaussian-samples/noise?seed=${seed}`)).arrayBuffer();
      this.numbers = new Float64Array(content);
      this.seed = seed;
    }
    return this.numbers;
  }
}

/** Sample latents from the Gaussian on a plane that an ellipse at one standard deviation describes. */
export function sampleEllipse(ellipse: Ellipse, plane: Plane, noise: Float64Array, temperature: number): Float32Array {
  const cos = Math.cos(ellipse.angle);
  const sin = Math.sin(ellipse.angle);
  const points = new Float64Array(noise.length);
  for (let i = 0; i < noise.length; i += 2) {
    const along = temperature * (noise[i] * ellipse.major);
    const across = temperature * (noise[i + 1] * ellipse.minor);
    points[i] = ellipse.x + (along * cos - across * sin);
    points[i + 1] = ellipse.y + (along * sin + across * cos);
  }
  return unproject(plane, points);
}
