// Computes the image of a latent by the steps of a decoder, in plain typed arrays. The steps are described in
// src/latentarium/export/program.py; the results are those of torch up to rounding.
import { Convolution, type ConvolutionOptions } from "./convolution";
import { FUNCTIONS, mapArray, mapArrays } from "./elementwise";

export interface Step {
  op: string;
  inputs: number[];
  shape: number[];
  /** depends on no input */
  constant?: boolean;
  function?: string;
  arguments?: number[];
  axis?: number;
  axes?: number[];
  offset?: number;
  tables?: (number | number[])[];
  fill?: number;
}

export interface ProgramJson {
  inputs: number[][];
  /** shapes; the numbers follow each other in the weights */
  constants: number[][];
  steps: Step[];
  output: number;
}

interface Value {
  data: Float32Array;
  shape: number[];
}
type Operation = (inputs: Value[]) => void;

export const sizeOf = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

export class Program {
  private readonly values: Value[] = [];
  private readonly operations: Operation[] = [];
  private readonly stepInputs: Value[][] = [];
  private readonly output: number;

  constructor(json: ProgramJson, weights: Float32Array) {
    for (const shape of json.inputs) this.values.push({ data: new Float32Array(sizeOf(shape)), shape });
    let at = 0;
    for (const shape of json.constants) {
      this.values.push({ data: weights.subarray(at, at + sizeOf(shape)), shape });
      at += sizeOf(shape);
    }
    if (at !== weights.length) throw new Error(`There are ${weights.length} weights; the steps need ${at}.`);
    const fixed = new Set(this.values.keys());
    json.inputs.forEach((_, i) => fixed.delete(i));
    for (const step of json.steps) {
      const inputs = step.inputs.map((i) => this.values[i]);
      const number = this.values.length;
      if (step.op === "reshape") {
        this.values.push({ data: inputs[0].data, shape: step.shape }); // the same memory
        if (step.constant) fixed.add(number);
        continue;
      }
      const output = { data: new Float32Array(sizeOf(step.shape)), shape: step.shape };
      const areWeightsFixed = step.inputs.slice(1).every((i) => fixed.has(i));
      const operation = makeOperation(step, output, inputs, areWeightsFixed);
      this.values.push(output);
      if (step.constant) {
        operation(inputs);
        fixed.add(number);
      } else {
        this.operations.push(operation);
        this.stepInputs.push(inputs);
      }
    }
    this.output = json.output;
  }

  /** Return the image in [-1, 1], channels first; the next call overwrites it.
   *
   * @param inputs the latent, and the weights of the classes if the decoder takes a label */
  run(...inputs: Float32Array[]): Float32Array {
    inputs.forEach((input, i) => this.values[i].data.set(input));
    this.operations.forEach((operation, i) => operation(this.stepInputs[i]));
    return this.values[this.output].data;
  }
}

function makeOperation(step: Step, output: Value, inputs: Value[], areWeightsFixed: boolean): Operation {
  switch (step.op) {
    case "matmul":
      return ([a, b]) => matmul(a, b, output);
    case "conv": {
      const convolution = new Convolution(step as unknown as ConvolutionOptions, inputs[0].shape, inputs[1].shape, step.shape);
      let prepared = false;
      return ([x, weight, bias]) => {
        if (!prepared) convolution.prepare(weight.data);
        prepared = areWeightsFixed;
        convolution.run(x.data, bias?.data ?? null, output.data);
      };
    }
    case "map": {
      const apply = FUNCTIONS[step.function!](...(step.arguments ?? []));
      return (all) => (all.length === 1 ? mapArray(apply, all[0].data, output.data) : mapArrays(apply, all, output));
    }
    case "gather":
      return ([x]) => gather(x.data, output, step);
    case "cat":
      return (parts) => concatenate(parts, output, step.axis!);
    case "reduce":
      return ([x]) => reduce(x, output, step);
  }
  throw new Error(`This page doesn't know the operation ${step.op}.`);
}

let sums = new Float64Array(0);

/** Multiply matrices; leading axes of either operand are broadcast. */
function matmul(a: Value, b: Value, output: Value): void {
  const [n, k] = a.shape.slice(-2);
  const m = b.shape.at(-1)!;
  if (sums.length < m) sums = new Float64Array(m);
  const batches = output.data.length / (n * m);
  const [batchesA, batchesB] = [a.data.length / (n * k), b.data.length / (k * m)];
  for (let batch = 0; batch < batches; batch++) {
    const fromA = (batch % batchesA) * n * k;
    const fromB = (batch % batchesB) * k * m;
    for (let row = 0; row < n; row++) {
      sums.fill(0, 0, m);
      for (let i = 0; i < k; i++) {
        const factor = a.data[fromA + row * k + i];
        if (factor === 0) continue;
        const from = fromB + i * m;
        for (let j = 0; j < m; j++) sums[j] += factor * b.data[from + j];
      }
      output.data.set(sums.subarray(0, m), (batch * n + row) * m);
    }
  }
}

function gather(x: Float32Array, { data, shape }: Value, { offset, tables, fill }: Step): void {
  const columns = shape.map((size, axis) => {
    const table = tables![axis];
    return typeof table === "number" ? Int32Array.from({ length: size }, (_, i) => i * table) : Int32Array.from(table);
  });
  let at = 0;
  /** Copy all elements behind the given coordinates of the first axes. */
  function copy(axis: number, from: number, inside: boolean): void {
    if (axis === shape.length) {
      data[at++] = inside ? x[from] : fill!;
      return;
    }
    const column = columns[axis];
    const last = axis === shape.length - 1;
    for (let i = 0; i < column.length; i++) {
      if (!last) copy(axis + 1, from + column[i], inside && column[i] >= 0);
      else data[at++] = inside && column[i] >= 0 ? x[from + column[i]] : fill!;
    }
  }
  copy(0, offset!, true);
}

function concatenate(parts: Value[], output: Value, axis: number): void {
  const width = (value: Value): number => sizeOf(value.shape.slice(axis));
  const total = width(output);
  let column = 0;
  for (const part of parts) {
    const size = width(part);
    for (let row = 0; row * size < part.data.length; row++) output.data.set(part.data.subarray(row * size, (row + 1) * size), row * total + column);
    column += size;
  }
}

function reduce(x: Value, output: Value, { axes, function: name }: Step): void {
  const kept = x.shape.map((size, axis) => (axes!.includes(axis) ? 1 : size));
  const strides = kept.map((size, axis) => (size === 1 ? 0 : sizeOf(kept.slice(axis + 1))));
  const results = new Float64Array(output.data.length).fill(name === "max" ? -Infinity : 0);
  const coordinates = x.shape.map(() => 0);
  for (let i = 0; i < x.data.length; i++) {
    let at = 0;
    for (let axis = 0; axis < coordinates.length; axis++) at += coordinates[axis] * strides[axis];
    if (name === "max") results[at] = Math.max(results[at], x.data[i]);
    else results[at] += x.data[i];
    for (let axis = coordinates.length - 1; axis >= 0 && ++coordinates[axis] === x.shape[axis]; axis--) coordinates[axis] = 0;
  }
  const count = x.data.length / output.data.length;
  output.data.set(name === "mean" ? results.map((sum) => sum / count) : results);
}
