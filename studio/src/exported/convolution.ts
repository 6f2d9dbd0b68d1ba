// Convolutions and transposed convolutions. The outputs of a transposed convolution of stride s whose coordinates are
// equal modulo s are an ordinary convolution with a part of the kernel. So each convolution is a sum over taps: pairs of
// an element of the kernel and a shift of the input.

export interface ConvolutionOptions {
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  transposed: boolean;
  groups: number;
}

/** The positions of the output along one axis that use the same elements of the kernel. */
interface Phase {
  /** the output's coordinates are start, start + step, ... */
  start: number;
  step: number;
  count: number;
  /** step of the input's coordinate between two of them */
  inputStep: number;
  /** elements of the kernel, and the input's coordinate that each is multiplied with at `start` */
  kernel: number[];
  input: number[];
}

/** A phase of both axes with its part of the kernel. */
interface Part {
  rows: Phase;
  columns: Phase;
  /** by output channel, then input channel, then tap */
  weights: Float64Array;
}

function phases(size: number, kernelSize: number, stride: number, padding: number, dilation: number, transposed: boolean): Phase[] {
  const taps = Array.from({ length: kernelSize }, (_, k) => k);
  if (!transposed) {
    return [{ start: 0, step: 1, count: size, inputStep: stride, kernel: taps, input: taps.map((k) => k * dilation - padding) }];
  }
  return Array.from({ length: Math.min(stride, size) }, (_, start) => {
    const kernel = taps.filter((k) => (start + padding - k * dilation) % stride === 0);
    const count = Math.ceil((size - start) / stride);
    return { start, step: stride, count, inputStep: 1, kernel, input: kernel.map((k) => (start + padding - k * dilation) / stride) };
  });
}

export class Convolution {
  private readonly parts: Part[];
  private readonly channels: number;
  private readonly outputs: number;
  private patches = new Float64Array(0);

  /** @param inputShape (1, channels, height, width)
   * @param kernelShape (outputs, channels, height, width); transposed: (channels, outputs, height, width)
   * @param outputShape (1, outputs, height, width) */
  constructor(
    private readonly options: ConvolutionOptions,
    private readonly inputShape: number[],
    private readonly kernelShape: number[],
    private readonly outputShape: number[],
  ) {
    const { groups, stride, padding, dilation, transposed } = options;
    this.channels = inputShape[1] / groups;
    this.outputs = outputShape[1] / groups;
    const [rows, columns] = [0, 1].map((axis) =>
      phases(outputShape[2 + axis], kernelShape[2 + axis], stride[axis], padding[axis], dilation[axis], transposed));
    this.parts = rows.flatMap((row) => columns.map((column) => ({ rows: row, columns: column, weights: new Float64Array(0) })));
  }

  /** Arrange the kernel by parts. */
  prepare(kernel: Float32Array): void {
    const [, , height, width] = this.kernelShape;
    const { groups, transposed } = this.options;
    for (const part of this.parts) {
      part.weights = new Float64Array(groups * this.outputs * this.channels * part.rows.kernel.length * part.columns.kernel.length);
      let at = 0;
      for (let output = 0; output < groups * this.outputs; output++) {
        const group = Math.floor(output / this.outputs);
        for (let channel = 0; channel < this.channels; channel++) {
          const pair = transposed
            ? (group * this.channels + channel) * this.outputs + (output % this.outputs)
            : output * this.channels + channel;
          for (const y of part.rows.kernel) for (const x of part.columns.kernel) part.weights[at++] = kernel[(pair * height + y) * width + x];
        }
      }
    }
  }

  run(input: Float32Array, bias: Float32Array | null, output: Float32Array): void {
    const [, , height, width] = this.outputShape;
    for (let group = 0; group < this.options.groups; group++) {
      for (const { rows, columns, weights } of this.parts) {
        const depth = this.channels * rows.kernel.length * columns.kernel.length;
        if (this.patches.length < depth * columns.count) this.patches = new Float64Array(depth * columns.count);
        for (let j = 0; j < rows.count; j++) {
          this.collect(input, group, rows, columns, j);
          const at = (group * this.outputs * height + rows.start + j * rows.step) * width + columns.start;
          const product = { weights, patches: this.patches, depth, bias, output, step: columns.step, count: columns.count };
          for (let o = 0; o < this.outputs; o += 2) {
            const channel = group * this.outputs + o;
            const place = at + o * height * width;
            if (o + 1 < this.outputs) multiplyTwo(product, channel, place, place + height * width);
            else multiplyOne(product, channel, place);
          }
        }
      }
    }
  }

  /** Copy what the outputs of one row are computed from: by output, then channel, then tap. */
  private collect(input: Float32Array, group: number, rows: Phase, columns: Phase, j: number): void {
    const [, , height, width] = this.inputShape;
    const { patches } = this;
    let at = 0;
    for (let i = 0; i < columns.count; i++) {
      for (let channel = 0; channel < this.channels; channel++) {
        const plane = (group * this.channels + channel) * height;
        for (let a = 0; a < rows.input.length; a++) {
          const y = j * rows.inputStep + rows.input[a];
          const row = (plane + y) * width;
          const inside = y >= 0 && y < height;
          for (let b = 0; b < columns.input.length; b++) {
            const x = i * columns.inputStep + columns.input[b];
            patches[at++] = inside && x >= 0 && x < width ? input[row + x] : 0;
          }
        }
      }
    }
  }
}

/** The sums of one row of the output: products of rows of weights, one for each channel, with patches. */
interface Product {
  weights: Float64Array;
  patches: Float64Array;
  /** length of a patch */
  depth: number;
  count: number;
  bias: Float32Array | null;
  output: Float32Array;
  step: number;
}

/** Compute a row of two channels, four places at a time: the more sums at once, the fewer numbers are read for each. */
function multiplyTwo({ weights, patches, depth, count, bias, output, step }: Product, channel: number, atFirst: number, atSecond: number): void {
  const first = channel * depth;
  const second = first + depth;
  const start = bias ? bias[channel] : 0;
  const startSecond = bias ? bias[channel + 1] : 0;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    let a = start;
    let b = start;
    let c = start;
    let d = start;
    let e = startSecond;
    let f = startSecond;
    let g = startSecond;
    let h = startSecond;
    const p = i * depth;
    const q = p + depth;
    const r = q + depth;
    const s = r + depth;
    for (let k = 0; k < depth; k++) {
      const v = weights[first + k];
      const w = weights[second + k];
      const x = patches[p + k];
      const y = patches[q + k];
      const z = patches[r + k];
      const u = patches[s + k];
      a += v * x;
      b += v * y;
      c += v * z;
      d += v * u;
      e += w * x;
      f += w * y;
      g += w * z;
      h += w * u;
    }
    output[atFirst + i * step] = a;
    output[atFirst + (i + 1) * step] = b;
    output[atFirst + (i + 2) * step] = c;
    output[atFirst + (i + 3) * step] = d;
    output[atSecond + i * step] = e;
    output[atSecond + (i + 1) * step] = f;
    output[atSecond + (i + 2) * step] = g;
    output[atSecond + (i + 3) * step] = h;
  }
  for (; i < count; i++) {
    output[atFirst + i * step] = dot(weights, first, patches, i * depth, depth, start);
    output[atSecond + i * step] = dot(weights, second, patches, i * depth, depth, startSecond);
  }
}

function multiplyOne({ weights, patches, depth, count, bias, output, step }: Product, channel: number, at: number): void {
  for (let i = 0; i < count; i++) output[at + i * step] = dot(weights, channel * depth, patches, i * depth, depth, bias ? bias[channel] : 0);
}

function dot(x: Float64Array, fromX: number, y: Float64Array, fromY: number, length: number, start: number): number {
  let sum = start;
  for (let k = 0; k < length; k++) sum += x[fromX + k] * y[fromY + k];
  return sum;
}
