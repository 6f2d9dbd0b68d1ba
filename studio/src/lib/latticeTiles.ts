// The images of a lattice of seeds, decoded on demand, for a model without encoder.
import { SvelteMap } from "svelte/reactivity";
import { paint, type MapModel } from "./api";
import { oneHot, pixelsOf, POINTS, shapeOf, type DecodeSocket } from "./socket";
import type { View } from "./splat";

/** Batches are small, since decoding at the cursor has to wait for them. */
const TILES_PER_REQUEST = 16;
/** Smaller images are not drawn. */
export const SMALLEST_TILE = 14;
/** Share of the distance between two seeds that an image fills. */
export const TILE_SHARE = 0.86;

export class LatticeTiles {
  private readonly decoded = new SvelteMap<string, HTMLCanvasElement>();
  /** The image last drawn at each place, which stays until its successor is decoded. */
  private readonly drawn = new Map<string, HTMLCanvasElement>();

  constructor(
    private readonly model: MapModel,
    private readonly socket: Pick<DecodeSocket, "decode">,
  ) {}

  private key(x: number, y: number, label: number, snapshot: number): string {
    return `${snapshot} ${x} ${y} ${this.model.decodes_label ? label : ""}`;
  }

  /** Draw the images in view, and request those that are missing. */
  draw(context: CanvasRenderingContext2D, view: View, label: number, snapshot: number): void {
    const side = Math.floor(TILE_SHARE * view.scale);
    if (side < SMALLEST_TILE) return;
    const { width, height } = context.canvas;
    const halfX = width / 2 / view.scale;
    const halfY = height / 2 / view.scale;
    const missing: [number, number][] = [];
    context.imageSmoothingEnabled = false;
    const [, rows, columns] = this.model.image_shape;
    const [wide, tall] = [columns, rows].map((pixels) => Math.round((side * pixels) / Math.max(columns, rows)));
    for (let x = Math.ceil(view.x - halfX - 0.5); x <= view.x + halfX + 0.5; x++) {
      for (let y = Math.ceil(view.y - halfY - 0.5); y <= view.y + halfY + 0.5; y++) {
        const decoded = this.decoded.get(this.key(x, y, label, snapshot));
        const tile = decoded ?? this.drawn.get(`${x} ${y}`);
        const left = width / 2 + (x - view.x) * view.scale - wide / 2;
        const top = height / 2 - (y - view.y) * view.scale - tall / 2;
        if (tile) context.drawImage(tile, Math.round(left), Math.round(top), wide, tall);
        if (decoded) this.drawn.set(`${x} ${y}`, decoded);
        else missing.push([x, y]);
      }
    }
    if (missing.length) this.decode(missing, view, label, snapshot);
  }

  private async decode(missing: [number, number][], view: View, label: number, snapshot: number): Promise<void> {
    const distance = ([x, y]: [number, number]): number => (x - view.x) ** 2 + (y - view.y) ** 2;
    const next = missing.sort((a, b) => distance(a) - distance(b)).slice(0, TILES_PER_REQUEST);
    const keys = next.map(([x, y]) => this.key(x, y, label, snapshot));
    const rows = Float32Array.from(next.flat());
    const labels = this.model.decodes_label ? oneHot(label, next.length, this.model.classes.length) : undefined;
    const reply = await this.socket.decode({ model: this.model.id, kind: POINTS, n: next.length, rows, labels, snapshot });
    if (!reply || "error" in reply) return;
    next.forEach((_, i) => {
      const tile = document.createElement("canvas");
      paint(tile, pixelsOf(reply, i), shapeOf(reply));
      this.decoded.set(keys[i], tile);
    });
  }
}
