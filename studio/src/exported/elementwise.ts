// Elementwise functions of one to three arrays, which are broadcast.

type Numeric = (...values: number[]) => number;

/** Error function (Abramowitz and Stegun, 1964, 7.1.26); absolute error below 2e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

/** The functions by name, each for its further arguments. */
export const FUNCTIONS: Record<string, (...settings: number[]) => Numeric> = {
  identity: () => (x) => x,
  neg: () => (x) => -x,
  abs: () => Math.abs,
  exp: () => Math.exp,
  expm1: () => Math.expm1,
  log: () => Math.log,
  log1p: () => Math.log1p,
  sqrt: () => Math.sqrt,
  rsqrt: () => (x) => 1 / Math.sqrt(x),
  reciprocal: () => (x) => 1 / x,
  sin: () => Math.sin,
  cos: () => Math.cos,
  tanh: () => Math.tanh,
  sigmoid: () => (x) => 1 / (1 + Math.exp(-x)),
  erf: () => erf,
  relu: () => (x) => (x > 0 ? x : 0),
  floor: () => Math.floor,
  leaky_relu: (slope) => (x) => (x > 0 ? x : slope * x),
  clamp: (low, high) => (x) => (x < low ? low : x > high ? high : x),
  elu: (alpha, scale, inner) => (x) => scale * (x > 0 ? x : alpha * Math.expm1(inner * x)),
  softplus: (beta, threshold) => (x) => (x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta),
  add: () => (x, y) => x + y,
  sub: () => (x, y) => x - y,
  mul: () => (x, y) => x * y,
  div: () => (x, y) => x / y,
  pow: () => Math.pow,
  maximum: () => Math.max,
  minimum: () => Math.min,
  gt: () => (x, y) => Number(x > y),
  ge: () => (x, y) => Number(x >= y),
  lt: () => (x, y) => Number(x < y),
  le: () => (x, y) => Number(x <= y),
  eq: () => (x, y) => Number(x === y),
  ne: () => (x, y) => Number(x !== y),
  where: () => (condition, x, y) => (condition !== 0 ? x : y),
};

export function mapArray(apply: Numeric, x: Float32Array, output: Float32Array): void {
  for (let i = 0; i < output.length; i++) output[i] = apply(x[i]);
}

interface Operand {
  data: Float32Array;
  shape: number[];
}

/** The distance in memory between two elements along each axis of the output; 0 along broadcast axes. */
function stridesOf({ shape }: Operand, rank: number): number[] {
  let stride = 1;
  const strides = new Array<number>(rank).fill(0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] > 1) strides[axis + rank - shape.length] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export function mapArrays(apply: Numeric, operands: Operand[], output: Operand): void {
  const { shape, data } = output;
  const rank = shape.length;
  const [a, b, c = operands[0]] = operands;
  const strides = [a, b, c].map((operand) => stridesOf(operand, rank));
  const row = rank ? shape[rank - 1] : 1;
  const [stepA, stepB, stepC] = strides.map((all) => (rank ? all[rank - 1] : 0));
  const coordinates = shape.map(() => 0);
  const ternary = operands.length > 2;
  for (let start = 0; start < data.length; start += row) {
    let [atA, atB, atC] = strides.map((all) => all.reduce((sum, stride, axis) => sum + stride * coordinates[axis], 0));
    for (let i = start; i < start + row; i++) {
      data[i] = ternary ? apply(a.data[atA], b.data[atB], c.data[atC]) : apply(a.data[atA], b.data[atB]);
      atA += stepA;
      atB += stepB;
      atC += stepC;
    }
    for (let axis = rank - 2; axis >= 0 && ++coordinates[axis] === shape[axis]; axis--) coordinates[axis] = 0;
  }
}
