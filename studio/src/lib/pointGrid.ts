// The points of a map, sorted by the cells of a grid: neighbours on the map are neighbours in memory, and the
// points in a box are found without a scan of all points.
import type { PointMap } from "./api";

const CELLS = 128;

const grids = new WeakMap<PointMap, PointGrid>();

/** The grid of a map, if it was built; null otherwise. */
export const knownGrid = (map: PointMap): PointGrid | null => grids.get(map) ?? null;

/** The grid of a map, which is built once. It takes a few milliseconds for 60,000 points. */
export function gridOf(map: PointMap): PointGrid {
  let grid = grids.get(map);
  if (!grid) grids.set(map, (grid = new PointGrid(map)));
  return grid;
}

class PointGrid {
  /** coordinates and classes of the points, sorted by cell */
  readonly points: Float32Array;
  readonly classes: Uint8Array;
  /** their numbers on the map */
  private readonly numbers: Int32Array;
  /** index of the first point of each cell */
  private readonly starts = new Int32Array(CELLS * CELLS + 1);
  private readonly origin: [number, number];
  private readonly cellSize: [number, number];

  constructor({ points, classes }: PointMap) {
    const n = classes.length;
    const spread = [0, 1].map((axis) => {
      let sum = 0;
      let squares = 0;
      for (let i = axis; i < points.length; i += 2) {
        sum += points[i];
        squares += points[i] * points[i];
      }
      const mean = sum / Math.max(1, n);
      return { mean, deviation: Math.sqrt(Math.max(1e-12, squares / Math.max(1, n) - mean ** 2)) };
    });
    // the cells at the edge also contain the few points beyond three standard deviations
    this.origin = [spread[0].mean - 3 * spread[0].deviation, spread[1].mean - 3 * spread[1].deviation];
    this.cellSize = [(6 * spread[0].deviation) / CELLS, (6 * spread[1].deviation) / CELLS];
    const cells = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      cells[i] = this.cell(points[2 * i], 0) + CELLS * this.cell(points[2 * i + 1], 1);
      this.starts[cells[i] + 1]++;
    }
    for (let i = 0; i < CELLS * CELLS; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.points = new Float32Array(2 * n);
    this.classes = new Uint8Array(n);
    this.numbers = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      const at = next[cells[i]]++;
      this.points[2 * at] = points[2 * i];
      this.points[2 * at + 1] = points[2 * i + 1];
      this.classes[at] = classes[i];
      this.numbers[at] = i;
    }
  }

  private cell(value: number, axis: 0 | 1): number {
    return Math.max(0, Math.min(CELLS - 1, Math.floor((value - this.origin[axis]) / this.cellSize[axis])));
  }

  /** Call a function with the first index and the end of each row of cells that overlap a box. A row also contains
   * some points outside of the box. */
  forEachRow(left: number, right: number, low: number, high: number, call: (from: number, to: number) => void): void {
    const first = this.cell(left, 0);
    const last = this.cell(right, 0);
    const top = this.cell(high, 1);
    for (let row = this.cell(low, 1); row <= top; row++) call(this.starts[CELLS * row + first], this.starts[CELLS * row + last + 1]);
  }

  /** Return the numbers of the visible points in a box, in order; null if there are more than `limit`. */
  within(left: number, right: number, low: number, high: number, visible: Uint8Array, limit: number): number[] | null {
    const inside: number[] = [];
    this.forEachRow(left, right, low, high, (from, to) => {
      for (let at = from; at < to && inside.length <= limit; at++) {
        const x = this.points[2 * at];
        const y = this.points[2 * at + 1];
        if (x >= left && x <= right && y >= low && y <= high && visible[this.classes[at]]) inside.push(this.numbers[at]);
      }
    });
    return inside.length > limit ? null : inside.sort((a, b) => a - b);
  }

  /** Return the number of the point that is nearest to a place, null if none is within reach.
   *
   * @param visible whether points of a class count, by class number; by default, all do */
  nearest(x: number, y: number, reach = Infinity, visible?: Uint8Array): number | null {
    if (reach === Infinity) return this.nearestOfAll(x, y);
    let best = reach * reach;
    let nearest: number | null = null;
    this.forEachRow(x - reach, x + reach, y - reach, y + reach, (from, to) => {
      for (let at = from; at < to; at++) {
        const dx = this.points[2 * at] - x;
        const dy = this.points[2 * at + 1] - y;
        const squared = dx * dx + dy * dy;
        if (squared > best || (visible && !visible[this.classes[at]])) continue;
        if (squared === best && nearest !== null && this.numbers[at] > nearest) continue;
        best = squared;
        nearest = this.numbers[at];
      }
    });
    return nearest;
  }

  private nearestOfAll(x: number, y: number): number | null {
    if (!this.numbers.length) return null;
    for (let reach = this.cellSize[0] + this.cellSize[1]; ; reach *= 4) {
      const nearest = this.nearest(x, y, reach);
      if (nearest !== null) return nearest;
    }
  }
}
