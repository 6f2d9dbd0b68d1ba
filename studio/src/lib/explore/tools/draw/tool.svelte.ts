// The encoding of the query image: its position, its reconstruction and its neighbours.
import { post, realImages, type Ellipse } from "../../../api";
import { encodeBase64 } from "../../../base64";
import { Latest } from "../../../latest";
import type { View } from "../../../splat";
import { parseScores, type Scores } from "../../../scores";
import type { Explorer } from "../../explorer.svelte";
import type { Tool, ToolState } from "../../tools";
import Marks from "./Marks.svelte";
import Panel from "./Panel.svelte";

export interface Encoding {
  z: number[];
  x: number;
  y: number;
  off_plane: number;
  /** the posterior at 1 and 2 standard deviations; empty if the encoder returns a point */
  ellipses: Ellipse[];
  reconstruction: string;
  error: number;
  /** scores of the reconstruction */
  scores: Scores;
  neighbours: { number: number; distance: number; label: number | null }[];
  /** probability of each class given z; empty without labels */
  classes: number[];
}

export class EncodeTool implements ToolState {
  encoding = $state.raw<Encoding | null>(null);
  images = $state.raw<Uint8Array[]>([]);
  errorMessage = $state("");
  private readonly latest = new Latest();

  constructor(private readonly here: Explorer) {}

  /** Encode an image; null clears the encoding. */
  encode(pixels: Uint8Array | null): void {
    const { planeName } = this.here;
    this.latest.run(() => this.request(pixels, planeName));
  }

  private async request(pixels: Uint8Array | null, planeName: string): Promise<void> {
    if (!pixels) {
      this.encoding = null;
      return;
    }
    const { id } = this.here.model;
    try {
      const reply = await post(`api/models/${id}/encode?plane=${planeName}`, { pixels: encodeBase64(pixels) });
      const content: Omit<Encoding, "scores"> & { scores: (number | null)[] } = await reply.json();
      const encoding = { ...content, scores: parseScores(content.scores) };
      this.images = await realImages(id, encoding.neighbours.map(({ number }) => number));
      this.encoding = encoding;
      this.errorMessage = "";
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** A view that shows the neighbours around the encoding. */
  viewOf({ x, y, neighbours }: Encoding, points: Float32Array): View {
    const distances = neighbours.map(({ number: i }) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y));
    return { x, y, scale: Math.min(20_000, 150 / Math.max(...distances)) };
  }

  /** The three most likely classes, the likeliest first. */
  get likeliest(): { label: number; share: number }[] {
    const shares = (this.encoding?.classes ?? []).map((share, label) => ({ label, share }));
    return shares.sort((a, b) => b.share - a.share).slice(0, 3);
  }
}

export default {
  name: "draw",
  order: 2,
  supports: (model) => model.has_map,
  createState: ({ here }) => new EncodeTool(here),
  Panel,
  Marks,
} satisfies Tool<EncodeTool>;
