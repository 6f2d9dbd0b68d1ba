// The state of the page: the cursor, the class, the samples, and the images that are decoded.
import { slice, updateAddress } from "../lib/address.svelte";
import { unproject } from "../lib/plane";
import type { Scores } from "../lib/scores";
import { oneHot, type DecodeReply, type DecodeRequest } from "../lib/socket";
import { fit, type View } from "../lib/splat";
import { json, map, sources, type Source } from "./data";
import { Decoder, toPixels } from "./decoder";
import { latticeLatent, normals } from "./random";
import type { Inputs } from "./worker";

export const NUM_SAMPLES = 24;
const SEEDS = 2 ** 31;
/** The address is written when the cursor rests, since writing it takes longer than an image. */
const REST_MS = 400;

const start = map?.plane.ellipses[0]?.[0] ?? { x: 0, y: 0 };
/** What the address contains. */
const shown = slice("", { x: start.x, y: start.y, label: 0, seed: 0, source: 0, draw: 0 });

export class Page {
  readonly decoder = new Decoder(json);
  image = $state.raw<Uint8Array | null>(null);
  samples = $state.raw<Uint8Array[]>([]);
  error = $state("");
  view = $state<View>({ x: 0, y: 0, scale: 90 });
  showGaps = $state(false);
  private rest = 0;

  get x(): number {
    return shown.x;
  }
  get y(): number {
    return shown.y;
  }
  get label(): number {
    return Math.max(0, Math.min(shown.label, json.classes.length - 1));
  }
  /** seed of the lattice */
  get seed(): number {
    return shown.seed;
  }
  /** number of the distribution of the samples */
  get source(): number {
    return json.decodesLabel && sources.length > 1 ? this.label : Math.max(0, Math.min(shown.source, sources.length - 1));
  }
  /** scores at the cursor; null if they aren't known */
  get scores(): Scores | null {
    return map?.trust?.at(this.x, this.y) ?? null;
  }

  moveTo(x: number, y: number): void {
    shown.x = x;
    shown.y = y;
    this.decodeCursor();
    clearTimeout(this.rest);
    this.rest = window.setTimeout(updateAddress, REST_MS);
  }
  choose(label: number): void {
    shown.label = label;
    updateAddress();
    this.decodeCursor();
    this.drawSamples();
  }
  drawFrom(source: number): void {
    shown.source = source;
    updateAddress();
    this.drawSamples();
  }
  newLattice(): void {
    shown.seed = Math.floor(Math.random() * SEEDS);
    updateAddress();
    this.decodeCursor();
  }
  newSamples(): void {
    shown.draw += 1;
    updateAddress();
    this.drawSamples();
  }
  /** Show the whole map. */
  fit(width: number, height: number): void {
    if (map) this.view = fit(map.points.points, width, height);
    else this.view = { x: shown.x, y: shown.y, scale: Math.max(48, Math.min(96, width / 6)) };
  }

  latentAt(x: number, y: number): Float32Array {
    return map ? unproject(map.plane, Float64Array.of(x, y)) : latticeLatent(x, y, json.latentDim, this.seed);
  }

  /** The latent of sample i of a distribution. */
  private drawn({ latents }: Source, i: number): Float32Array {
    if (!latents) return normals(json.latentDim, -1, shown.draw, i);
    const count = latents.length / json.latentDim;
    const row = (shown.draw * NUM_SAMPLES + i) % count;
    return latents.subarray(row * json.latentDim, (row + 1) * json.latentDim);
  }

  /** Whether the map shows the whole latent space, so that the scores of all latents are known. */
  readonly ratesSamples = map !== null && map.trust !== null && json.latentDim === 2;
  sampleScores(i: number): Scores | null {
    const [x, y] = this.drawn(sources[this.source], i);
    return map!.trust!.at(x, y);
  }

  decodeCursor(): void {
    this.guard(async () => {
      const images = await this.decoder.decode("cursor", [this.inputs(this.latentAt(this.x, this.y))]);
      if (images) this.image = toPixels(images[0], json.imageShape);
    });
  }

  drawSamples(): void {
    this.guard(async () => {
      const all = Array.from({ length: NUM_SAMPLES }, (_, i) => this.inputs(this.drawn(sources[this.source], i)));
      const images = await this.decoder.decode("samples", all);
      if (images) this.samples = images.map((image) => toPixels(image, json.imageShape));
    });
  }

  /** Decode images of the lattice, as the studio's server does. */
  readonly tiles = {
    decode: async (request: DecodeRequest): Promise<DecodeReply | null> => {
      const [channels, height, width] = json.imageShape;
      const latents = Array.from({ length: request.n }, (_, i) => this.latentAt(request.rows[2 * i], request.rows[2 * i + 1]));
      const images = await this.decoder.decode("tiles", latents.map((z) => this.inputs(z))).catch(() => null);
      if (!images) return null;
      const pixels = new Uint8Array(request.n * channels * height * width);
      images.forEach((image, i) => pixels.set(toPixels(image, json.imageShape), i * channels * height * width));
      return { request, channels, height, width, pixels, scores: [] };
    },
  };

  private inputs(z: Float32Array, label = this.label): Inputs {
    return json.decodesLabel ? [z, oneHot(label, 1, json.classes.length)] : [z];
  }

  private async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.error = (error as Error).message;
    }
  }
}

declare global {
  interface Window {
    /** Decode a latent in the browser's console: numbers in [-1, 1], channel by channel and row by row.
     *
     * @param z the latent
     * @param label weights of the classes, for a model that takes a label */
    decode: (z: ArrayLike<number>, label?: ArrayLike<number>) => Promise<Float32Array | null>;
  }
}
