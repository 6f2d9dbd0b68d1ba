// Thumbnails on the map: where few points are in view, their images replace the dots, enlarged by
// whole numbers and framed in the colour of their class. They are fetched on demand and cached.
import { paint, realImages, type MapModel, type PointMap } from "./api";
import { colour } from "./palette";
import type { View } from "./splat";

/** Only dots are drawn if more points are in view, or if images would cover a larger share of the map. */
const MAX_THUMBNAILS = 150;
const MAX_COVERAGE = 0.5;
const MAX_ENLARGEMENT = 3;
const CELLS = 128;
const CACHE_SIZE = 4000;
const MAX_REQUEST_BYTES = 1 << 21;
const MAX_REQUEST_IMAGES = 256;
/** Larger images are shrunk to at most this side. */
const MAX_SIDE = 64;
const FETCH_DELAY_MS = 120;

/** A grid of cells that finds the points in a box without a scan of all points. */
export class PointGrid {
  private readonly starts = new Int32Array(CELLS * CELLS + 1);
  private readonly order: Int32Array;
  private readonly origin: [number, number];
  private readonly cellSize: [number, number];

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
    // the cells at the edge also contain the few points beyond three standard deviations
    this.origin = [spread[0].mean - 3 * spread[0].deviation, spread[1].mean - 3 * spread[1].deviation];
    this.cellSize = [(6 * spread[0].deviation) / CELLS, (6 * spread[1].deviation) / CELLS];
    const cells = Int32Array.from({ length: n }, (_, i) => this.cell(points[2 * i], 0) + CELLS * this.cell(points[2 * i + 1], 1));
    for (const cell of cells) this.starts[cell + 1]++;
    for (let i = 0; i < CELLS * CELLS; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.order = new Int32Array(n);
    cells.forEach((cell, i) => (this.order[next[cell]++] = i));
  }

  private cell(value: number, axis: 0 | 1): number {
    return Math.max(0, Math.min(CELLS - 1, Math.floor((value - this.origin[axis]) / this.cellSize[axis])));
  }

  /** Return the numbers of the points in a box that satisfy a condition; null if there are more than `limit`. */
  within(left: number, right: number, low: number, high: number, satisfies: (i: number) => boolean, limit: number): number[] | null {
    const inside: number[] = [];
    const first = this.cell(left, 0);
    const last = this.cell(right, 0);
    for (let row = this.cell(low, 1); row <= this.cell(high, 1); row++) {
      for (let at = this.starts[CELLS * row + first]; at < this.starts[CELLS * row + last + 1]; at++) {
        const i = this.order[at];
        const x = this.points[2 * i];
        const y = this.points[2 * i + 1];
        if (x < left || x > right || y < low || y > high || !satisfies(i)) continue;
        if (inside.length >= limit) return null;
        inside.push(i);
      }
    }
    return inside.sort((a, b) => a - b);
  }
}

interface Placed {
  number: number;
  left: number;
  top: number;
  width: number;
  height: number;
}

export class Thumbnails {
  /** built when the view first contains few points */
  private grid: PointGrid | null = null;
  private readonly cache = new Map<number, HTMLCanvasElement>();
  private placed: Placed[] = [];
  private missing: number[] = [];
  private busy = false;
  private timer = 0;

  constructor(
    private readonly model: MapModel,
    private readonly snapshot: number,
    private readonly map: PointMap,
    /** called when images have arrived that can be drawn */
    private readonly onload: () => void,
  ) {}

  /** @param visible whether images of a class are drawn, by class number */
  draw(context: CanvasRenderingContext2D, view: View, visible: Uint8Array): void {
    const { width, height } = context.canvas;
    const { x, y, scale } = view;
    const halfX = width / 2 / scale;
    const halfY = height / 2 / scale;
    const [tileWidth, tileHeight] = this.tileSize();
    const capacity = (MAX_COVERAGE * width * height) / (tileWidth * tileHeight);
    const numbers = this.within(x - halfX, x + halfX, y - halfY, y + halfY, visible, Math.min(MAX_THUMBNAILS, capacity)) ?? [];
    const factor = Math.max(1, Math.min(MAX_ENLARGEMENT, Math.floor(Math.sqrt(capacity / numbers.length))));
    this.placed = [];
    this.missing = [];
    context.imageSmoothingEnabled = false;
    context.lineWidth = 2;
    for (const number of numbers) {
      const tile = this.cache.get(number);
      if (!tile) {
        this.missing.push(number);
        continue;
      }
      const placed = {
        number, width: factor * tileWidth, height: factor * tileHeight,
        left: Math.round(width / 2 + (this.map.points[2 * number] - x) * scale - (factor * tileWidth) / 2),
        top: Math.round(height / 2 - (this.map.points[2 * number + 1] - y) * scale - (factor * tileHeight) / 2),
      };
      context.drawImage(tile, placed.left, placed.top, placed.width, placed.height);
      context.strokeStyle = this.map.classes[number] === 255 ? "#7f7f7f" : colour(this.map.classes[number]);
      context.strokeRect(placed.left - 1, placed.top - 1, placed.width + 2, placed.height + 2);
      this.placed.push(placed);
    }
    clearTimeout(this.timer);
    if (this.missing.length) this.timer = window.setTimeout(() => this.fetch(), FETCH_DELAY_MS);
  }

  private within(left: number, right: number, low: number, high: number, visible: Uint8Array, limit: number): number[] | null {
    if (!this.grid && this.isCrowded(left, right, low, high, visible, limit)) return null;
    this.grid ??= new PointGrid(this.map.points);
    return this.grid.within(left, right, low, high, (i) => visible[this.map.classes[i]] > 0, limit);
  }

  /** Whether a box contains more than `limit` visible points. The scan stops as soon as it has counted them, which
   * takes only a few points in a view of the whole map. */
  private isCrowded(left: number, right: number, low: number, high: number, visible: Uint8Array, limit: number): boolean {
    const { points, classes } = this.map;
    let inside = 0;
    for (let i = 0; i < points.length && inside <= limit; i += 2) {
      const [x, y] = [points[i], points[i + 1]];
      if (x >= left && x <= right && y >= low && y <= high && visible[classes[i / 2]]) inside++;
    }
    return inside > limit;
  }

  /** Return the number of the topmost thumbnail at a position in pixels. */
  at(x: number, y: number): number | null {
    const contains = ({ left, top, width, height }: Placed): boolean =>
      x >= left && x < left + width && y >= top && y < top + height;
    return this.placed.filter(contains).pop()?.number ?? null;
  }

  private tileSize(): [number, number] {
    const [, height, width] = this.model.image_shape;
    const divisor = Math.ceil(Math.max(height, width) / MAX_SIDE);
    return [Math.max(1, Math.floor(width / divisor)), Math.max(1, Math.floor(height / divisor))];
  }

  private async fetch(): Promise<void> {
    if (this.busy || !this.missing.length) return;
    this.busy = true;
    const [channels, height, width] = this.model.image_shape;
    const perRequest = Math.max(1, Math.min(MAX_REQUEST_IMAGES, Math.floor(MAX_REQUEST_BYTES / (channels * height * width))));
    const numbers = this.missing.slice(0, perRequest);
    try {
      const images = await realImages(this.model.id, numbers, this.snapshot);
      numbers.forEach((number, i) => this.cache.set(number, this.tile(images[i])));
      for (const number of this.cache.keys()) {
        if (this.cache.size <= CACHE_SIZE) break;
        this.cache.delete(number);
      }
      this.busy = false;
      this.onload();
    } catch {
      this.busy = false; // the next call of `draw` requests them again
    }
  }

  private tile(pixels: Uint8Array): HTMLCanvasElement {
    const original = document.createElement("canvas");
    paint(original, pixels, this.model.image_shape);
    const [width, height] = this.tileSize();
    if (original.width === width && original.height === height) return original;
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    const context = small.getContext("2d")!;
    context.imageSmoothingQuality = "high";
    context.drawImage(original, 0, 0, width, height);
    return small;
  }
}
