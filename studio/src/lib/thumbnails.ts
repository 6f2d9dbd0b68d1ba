// Where few points are in sight, the images themselves: their pixels whole multiples, each in the
// colour of its class. They are fetched as they come into sight, and kept.
import { paint, realImages, type Model, type PointMap } from "./api";
import { colour } from "./palette";
import type { View } from "./splat";

/** With more points in sight, or with more than half of the map covered, there are dots. */
const MOST = 150;
const COVERED = 0.5;
const CELLS = 128;
const KEPT = 4000;
/** bytes of one request */
const AT_ONCE = 1 << 21;
/** a larger image is shrunk to less than this side */
const SIDE = 64;
const WAIT = 120;

/** Points by the cell that they lie in: who is in a box is known without asking all of them. */
export class PointGrid {
  private readonly starts = new Int32Array(CELLS * CELLS + 1);
  private readonly order: Int32Array;
  private readonly low: [number, number];
  private readonly wide: [number, number];

  constructor(private readonly points: Float32Array) {
    const n = points.length / 2;
    const spread = [0, 1].map((axis) => {
      let sum = 0;
      let squares = 0;
      for (let i = axis; i < points.length; i += 2) {
        sum += points[i];
        squares += points[i] ** 2;
      }
      const mean = sum / Math.max(1, n);
      return { mean, deviation: Math.sqrt(Math.max(1e-12, squares / Math.max(1, n) - mean ** 2)) };
    });
    // few lie farther out than three deviations: they are in the cells at the edge
    this.low = [spread[0].mean - 3 * spread[0].deviation, spread[1].mean - 3 * spread[1].deviation];
    this.wide = [(6 * spread[0].deviation) / CELLS, (6 * spread[1].deviation) / CELLS];
    const cells = Int32Array.from({ length: n }, (_, i) => this.cell(points[2 * i], 0) + CELLS * this.cell(points[2 * i + 1], 1));
    for (const cell of cells) this.starts[cell + 1]++;
    for (let i = 0; i < CELLS * CELLS; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.order = new Int32Array(n);
    cells.forEach((cell, i) => (this.order[next[cell]++] = i));
  }

  private cell(value: number, axis: 0 | 1): number {
    return Math.max(0, Math.min(CELLS - 1, Math.floor((value - this.low[axis]) / this.wide[axis])));
  }

  /** The numbers of the points in a box; null where they are more than `most`. */
  within(left: number, right: number, low: number, high: number, most: number): number[] | null {
    const found: number[] = [];
    const first = this.cell(left, 0);
    const last = this.cell(right, 0);
    for (let row = this.cell(low, 1); row <= this.cell(high, 1); row++) {
      for (let at = this.starts[CELLS * row + first]; at < this.starts[CELLS * row + last + 1]; at++) {
        const i = this.order[at];
        const x = this.points[2 * i];
        const y = this.points[2 * i + 1];
        if (x < left || x > right || y < low || y > high) continue;
        if (found.length >= most) return null;
        found.push(i);
      }
    }
    return found.sort((a, b) => a - b);
  }
}

interface Shown {
  number: number;
  left: number;
  top: number;
  width: number;
  height: number;
}

export class Thumbnails {
  /** made when the view first is so near that few points may be in it */
  private grid: PointGrid | null = null;
  private readonly kept = new Map<number, HTMLCanvasElement>();
  private shown: Shown[] = [];
  private missing: number[] = [];
  private busy = false;
  private due = 0;

  constructor(
    private readonly model: Model,
    private readonly moment: number,
    private readonly map: PointMap,
    /** some images came: draw again */
    private readonly onready: () => void,
  ) {}

  draw(context: CanvasRenderingContext2D, view: View): void {
    const { width, height } = context.canvas;
    const { x, y, scale } = view;
    const halfX = width / 2 / scale;
    const halfY = height / 2 / scale;
    const [wide, tall] = this.size();
    const room = (COVERED * width * height) / (wide * tall);
    const numbers = this.within(x - halfX, x + halfX, y - halfY, y + halfY, Math.min(MOST, room)) ?? [];
    const times = Math.max(1, Math.min(3, Math.floor(Math.sqrt(room / numbers.length))));
    this.shown = [];
    this.missing = [];
    context.imageSmoothingEnabled = false;
    context.lineWidth = 2;
    for (const number of numbers) {
      const tile = this.kept.get(number);
      if (!tile) {
        this.missing.push(number);
        continue;
      }
      const one = {
        number, width: times * wide, height: times * tall,
        left: Math.round(width / 2 + (this.map.points[2 * number] - x) * scale - (times * wide) / 2),
        top: Math.round(height / 2 - (this.map.points[2 * number + 1] - y) * scale - (times * tall) / 2),
      };
      context.drawImage(tile, one.left, one.top, one.width, one.height);
      context.strokeStyle = this.map.classes[number] === 255 ? "#7f7f7f" : colour(this.map.classes[number]);
      context.strokeRect(one.left - 1, one.top - 1, one.width + 2, one.height + 2);
      this.shown.push(one);
    }
    clearTimeout(this.due);
    if (this.missing.length) this.due = window.setTimeout(() => this.fetch(), WAIT);
  }

  private within(left: number, right: number, low: number, high: number, most: number): number[] | null {
    if (!this.grid && this.crowded(left, right, low, high, most)) return null;
    this.grid ??= new PointGrid(this.map.points);
    return this.grid.within(left, right, low, high, most);
  }

  /** Whether a box surely holds too many points, from the first of them on: of a view of all, the
   * first few say so. */
  private crowded(left: number, right: number, low: number, high: number, most: number): boolean {
    const { points } = this.map;
    let inside = 0;
    for (let i = 0; i < points.length && inside <= most; i += 2) {
      const [x, y] = [points[i], points[i + 1]];
      if (x >= left && x <= right && y >= low && y <= high) inside++;
    }
    return inside > most;
  }

  /** The topmost image at a place on the screen. */
  at(x: number, y: number): number | null {
    const inside = (one: Shown): boolean =>
      x >= one.left && x < one.left + one.width && y >= one.top && y < one.top + one.height;
    return this.shown.filter(inside).pop()?.number ?? null;
  }

  private size(): [number, number] {
    const [, height, width] = this.model.image_shape;
    const part = Math.ceil(Math.max(height, width) / SIDE);
    return [Math.max(1, Math.floor(width / part)), Math.max(1, Math.floor(height / part))];
  }

  private async fetch(): Promise<void> {
    if (this.busy || !this.missing.length) return;
    this.busy = true;
    const [channels, height, width] = this.model.image_shape;
    const most = Math.max(1, Math.min(256, Math.floor(AT_ONCE / (channels * height * width))));
    const numbers = this.missing.slice(0, most);
    try {
      const images = await realImages(this.model.id, numbers, this.moment);
      numbers.forEach((number, i) => this.kept.set(number, this.tile(images[i])));
      for (const number of this.kept.keys()) {
        if (this.kept.size <= KEPT) break;
        this.kept.delete(number);
      }
      this.busy = false;
      this.onready();
    } catch {
      this.busy = false; // the next drawing asks again
    }
  }

  private tile(pixels: Uint8Array): HTMLCanvasElement {
    const whole = document.createElement("canvas");
    paint(whole, pixels, this.model.image_shape);
    const [width, height] = this.size();
    if (whole.width === width && whole.height === height) return whole;
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    const context = small.getContext("2d")!;
    context.imageSmoothingQuality = "high";
    context.drawImage(whole, 0, 0, width, height);
    return small;
  }
}
