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
          const y = rows.start + j * rows.step;
          for (let o = 0; o < this.outputs; o++) {
            const channel = group * this.outputs + o;
            const at = (channel * height + y) * width + columns.start;
            multiply(weights, channel * depth, this.patches, depth, columns.count, bias ? bias[channel] : 0, output, at, columns.step);
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

/** Write the products of one row of weights with all patches, four at a time. */
function multiply(
  weights: Float64Array, from: number, patches: Float64Array, depth: number, count: number, bias: number,
  output: Float32Array, at: number, step: number,
): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    let [a, b, c, d] = [bias, bias, bias, bias];
    const [p, q, r, s] = [i * depth, (i + 1) * depth, (i + 2) * depth, (i + 3) * depth];
    for (let k = 0; k < depth; k++) {
      const weight = weights[from + k];
      a += weight * patches[p + k];
      b += weight * patches[q + k];
      c += weight * patches[r + k];
      d += weight * patches[s + k];
    }
    output[at + i * step] = a;
    output[at + (i + 1) * step] = b;
    output[at + (i + 2) * step] = c;
    output[at + (i + 3) * step] = d;
  }
  for (; i < count; i++) {
    let sum = bias;
    for (let k = 0; k < depth; k++) sum += weights[from + k] * patches[i * depth + k];
    output[at + i * step] = sum;
  }
}
