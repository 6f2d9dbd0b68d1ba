// Thumbnails on the map: where few points are in view, their images replace the dots, enlarged by
// whole numbers and framed in the colour of their class. They are fetched on demand and cached.
import { paint, realImages, type MapModel, type PointMap } from "./api";
import { colour } from "./palette";
import { gridOf, knownGrid } from "./pointGrid";
import type { View } from "./splat";

/** Only dots are drawn if more points are in view, or if images would cover a larger share of the map. */
const MAX_THUMBNAILS = 150;
const MAX_COVERAGE = 0.5;
const MAX_ENLARGEMENT = 3;
const CACHE_SIZE = 4000;
const MAX_REQUEST_BYTES = 1 << 21;
const MAX_REQUEST_IMAGES = 256;
/** Larger images are shrunk to at most this side. */
const MAX_SIDE = 64;
const FETCH_DELAY_MS = 120;

interface Placed {
  number: number;
  left: number;
  top: number;
  width: number;
  height: number;
}

export class Thumbnails {
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
    if (!knownGrid(this.map) && this.isCrowded(left, right, low, high, visible, limit)) return null;
    return gridOf(this.map).within(left, right, low, high, visible, limit);
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
