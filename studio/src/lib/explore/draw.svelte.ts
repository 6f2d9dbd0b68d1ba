// Where a given image lands: asked anew as it changes, the newest only.
import { post, realImages, type Ellipse } from "../api";
import { base64 } from "../base64";
import { Latest } from "../latest";
import type { View } from "../splat";
import { trustOf, type Trust } from "../trust";
import type { Explorer } from "./explorer.svelte";

export interface Landing {
  z: number[];
  x: number;
  y: number;
  off_plane: number;
  /** the posterior at 1 and 2 standard deviations; none for a point */
  ellipses: Ellipse[];
  reconstruction: string;
  error: number;
  /** of the reconstruction */
  trust: Trust;
  neighbours: { number: number; distance: number; label: number | null }[];
  /** of each class; none without labels */
  classes: number[];
}

export class Landings {
  landing = $state.raw<Landing | null>(null);
  images = $state.raw<Uint8Array[]>([]);
  trouble = $state("");
  private readonly latest = new Latest();

  constructor(private readonly here: Explorer) {}

  /** Encodes an image; without one, nothing has landed. */
  land(pixels: Uint8Array | null): void {
    const { plane } = this.here;
    this.latest.run(() => this.encode(pixels, plane));
  }

  private async encode(pixels: Uint8Array | null, plane: string): Promise<void> {
    if (!pixels) {
      this.landing = null;
      return;
    }
    const { id } = this.here.model;
    try {
      const answer = await post(`/api/models/${id}/encode?plane=${plane}`, { pixels: base64(pixels) });
      const found: Omit<Landing, "trust"> & { trust: (number | null)[] } = await answer.json();
      const landing = { ...found, trust: trustOf(found.trust) };
      this.images = await realImages(id, landing.neighbours.map((one) => one.number));
      this.landing = landing;
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** The view in which its neighbours are around it. */
  around({ x, y, neighbours }: Landing, points: Float32Array): View {
    const apart = neighbours.map(({ number: i }) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y));
    return { x, y, scale: Math.min(20_000, 150 / Math.max(...apart)) };
  }

  /** The classes that it looks most like, the likeliest first. */
  get likeliest(): { label: number; share: number }[] {
    const shares = (this.landing?.classes ?? []).map((share, label) => ({ label, share }));
    return shares.sort((a, b) => b.share - a.share).slice(0, 3);
  }
}
