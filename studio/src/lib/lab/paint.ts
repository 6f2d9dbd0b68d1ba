// Drawings of each model over the square from -edge to edge.
import type { LabFrame, Real } from "./session.svelte";

export const SIDE = 600;
const REAL = "#8a929b";
const GENERATED = "#c2297a";
const GRID = "#7a5cc2";
/** Colours for discriminator outputs above 0.5 (real) and below 0.5 (generated). */
const FIELD = [[51, 117, 190], [228, 145, 40]] as const;
const MAX_PUSH_LENGTH = 0.16;

export interface Layers {
  field: boolean;
  push: boolean;
  mesh: boolean;
}

class Pen {
  constructor(
    readonly context: CanvasRenderingContext2D,
    readonly edge: number,
  ) {}

  x = (x: number): number => ((x + this.edge) / (2 * this.edge)) * SIDE;
  y = (y: number): number => ((this.edge - y) / (2 * this.edge)) * SIDE;
  length = (length: number): number => (length / (2 * this.edge)) * SIDE;

  /** Draw all dots as one path: one fill per dot would take longer than a frame. */
  dots(points: number[], colour: string, radius: number, opacity: number): void {
    const { context } = this;
    context.globalAlpha = opacity;
    context.fillStyle = colour;
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [this.x(points[i]), this.y(points[i + 1])];
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.fill();
    context.globalAlpha = 1;
  }
}

function begin(canvas: HTMLCanvasElement, real: Real): Pen {
  if (canvas.width !== SIDE) canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, SIDE, SIDE);
  return new Pen(context, real.edge);
}

export function paintGaussian(canvas: HTMLCanvasElement, real: Real, frame: LabFrame): void {
  const pen = begin(canvas, real);
  const { samples, mean, covariance } = frame.gaussian;
  pen.dots(real.points, REAL, 3.5, 0.6);
  pen.dots(samples, GENERATED, 3.2, 0.6);
  const [a, b, , d] = covariance;
  const middle = (a + d) / 2;
  const half = Math.hypot((a - d) / 2, b);
  const angle = Math.atan2(2 * b, a - d) / 2;
  pen.context.strokeStyle = GENERATED;
  for (const sigmas of [1, 2]) {
    pen.context.lineWidth = 6 - 2 * sigmas;
    pen.context.beginPath();
    const axes = [middle + half, middle - half].map((v) => pen.length(sigmas * Math.sqrt(Math.max(0, v))));
    pen.context.ellipse(pen.x(mean[0]), pen.y(mean[1]), axes[0], axes[1], -angle, 0, 7);
    pen.context.stroke();
  }
}

export function paintVae(canvas: HTMLCanvasElement, real: Real, frame: LabFrame): void {
  const pen = begin(canvas, real);
  pen.dots(real.points, REAL, 3.5, 0.6);
  pen.dots(frame.vae.samples, GENERATED, 3.2, 0.65);
}

/** Draw the latents of the real points, coloured by the angle of each point around the origin, over
 * the circles of one and two standard deviations of the prior. */
export function paintLatents(canvas: HTMLCanvasElement, real: Real, latents: number[]): void {
  const pen = begin(canvas, { ...real, edge: 3.2 });
  const { context } = pen;
  context.strokeStyle = REAL;
  context.lineWidth = 4;
  for (const sigmas of [1, 2]) {
    context.beginPath();
    context.arc(SIDE / 2, SIDE / 2, pen.length(sigmas), 0, 7);
    context.stroke();
  }
  for (let i = 0; i < latents.length; i += 2) {
    const degrees = (Math.atan2(real.points[i + 1], real.points[i]) / Math.PI) * 180;
    pen.dots([latents[i], latents[i + 1]], `hsl(${degrees.toFixed(0)} 62% 50%)`, 9, 0.75);
  }
}

export function paintGan(canvas: HTMLCanvasElement, real: Real, frame: LabFrame, layers: Layers): void {
  const pen = begin(canvas, real);
  const { samples, field, pushes, mesh } = frame.gan;
  if (layers.field) paintField(pen, field);
  pen.dots(real.points, REAL, 3.5, 0.75);
  if (layers.mesh) paintMesh(pen, mesh);
  pen.dots(samples, GENERATED, 3.2, 0.65);
  if (layers.push) paintPushes(pen, samples, pushes);
}

/** Draw the discriminator's output: the closer to 0.5, the more transparent. */
function paintField(pen: Pen, field: number[]): void {
  const cells = Math.sqrt(field.length);
  const image = new ImageData(cells, cells);
  field.forEach((value, i) => {
    image.data.set(value > 0.5 ? FIELD[0] : FIELD[1], 4 * i);
    image.data[4 * i + 3] = Math.min(215, 440 * Math.abs(value - 0.5));
  });
  const canvas = new OffscreenCanvas(cells, cells);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  pen.context.imageSmoothingEnabled = true;
  pen.context.drawImage(canvas, 0, 0, SIDE, SIDE);
}

/** Draw cells of equal probability mass: the smaller, the darker. */
function paintMesh(pen: Pen, mesh: number[]): void {
  const side = Math.sqrt(mesh.length / 2);
  const { context } = pen;
  const corner = (row: number, column: number): [number, number] => [mesh[2 * (row * side + column)], mesh[2 * (row * side + column) + 1]];
  context.fillStyle = context.strokeStyle = GRID;
  context.lineWidth = 1;
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const corners = [corner(row, column), corner(row, column + 1), corner(row + 1, column + 1), corner(row + 1, column)];
      let area = 0;
      corners.forEach(([x, y], i) => {
        const [u, v] = corners[(i + 1) % 4];
        area += (x * v - u * y) / 2;
      });
      context.beginPath();
      corners.forEach(([x, y]) => context.lineTo(pen.x(x), pen.y(y)));
      context.closePath();
      context.globalAlpha = Math.min(0.5, 0.0022 / (Math.abs(area) + 1e-5));
      context.fill();
    }
  }
  context.globalAlpha = 0.35;
  context.beginPath();
  for (let i = 0; i < side; i++) {
    for (let k = 0; k < side; k++) addVertex(context, k, pen, corner(i, k));
    for (let k = 0; k < side; k++) addVertex(context, k, pen, corner(k, i));
  }
  context.stroke();
  context.globalAlpha = 1;
}

function addVertex(context: CanvasRenderingContext2D, index: number, pen: Pen, [x, y]: [number, number]): void {
  if (index === 0) context.moveTo(pen.x(x), pen.y(y));
  else context.lineTo(pen.x(x), pen.y(y));
}

function paintPushes(pen: Pen, samples: number[], pushes: number[]): void {
  const { context } = pen;
  context.strokeStyle = getComputedStyle(context.canvas).color;
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i < pushes.length; i += 2) {
    const length = Math.hypot(pushes[i], pushes[i + 1]);
    const scale = (MAX_PUSH_LENGTH * Math.tanh(length / 1.5)) / Math.max(1e-9, length);
    const [x, y] = [pen.x(samples[i]), pen.y(samples[i + 1])];
    const [u, v] = [pen.x(samples[i] + scale * pushes[i]), pen.y(samples[i + 1] + scale * pushes[i + 1])];
    const reach = Math.hypot(u - x, v - y);
    if (reach < 3) continue;
    const head = Math.min(9, reach / 2);
    const angle = Math.atan2(v - y, u - x);
    context.moveTo(x, y);
    context.lineTo(u, v);
    for (const side of [-0.45, 0.45]) {
      context.moveTo(u, v);
      context.lineTo(u - head * Math.cos(angle + side), v - head * Math.sin(angle + side));
    }
  }
  context.stroke();
}
