// Samples from a Gaussian: of a class, of all images, or one that the visitor draws on the map.
import { get, type Ellipse } from "../../../api";
import { formatFloat32, pythonFloat, slice, updateAddress } from "../../../address.svelte";
import { Latest } from "../../../latest";
import { project } from "../../../plane";
import { saveImages } from "../../../samples";
import { LATENTS, type DecodeReply, type DecodeSocket } from "../../../socket";
import type { Explorer } from "../../explorer.svelte";
import type { Tool, ToolState } from "../../tools";
import { Noise, sampleEllipse } from "./ellipseDraft";
import Dots from "./Dots.svelte";
import Marks from "./Marks.svelte";
import Panel from "./Panel.svelte";

/** Number of samples whose images are shown. */
export const GRID_IMAGES = 25;
/** Standard deviations between the centre of an ellipse and its handles. */
export const HANDLE_SIGMAS = 2;
const SEEDS = 2 ** 32;
/** Milliseconds without a change before the samples are scored, which is slower than decoding. */
const PAUSE = 250;

/** A share of the samples with its 95 % interval. */
export interface Share {
  share: number;
  low: number;
  high: number;
}
export interface Verdict {
  n: number;
  /** share of held-out images that are less unusual than the median sample */
  rarer: number | null;
  off_data: Share | null;
  confident: Share | null;
  right_class: Share | null;
  /** the same shares of held-out images */
  held_out: { n: number; off_data: Share | null; confident: Share | null; right_class: Share | null };
}

/** Round a number to the decimal that the server and Python receive. */
const rounded = (value: number): number => Number(formatFloat32(value));

/** The tool's slice of the address. `of` is the number of a class, "all" or "own"; the ellipse is at one
 * standard deviation. */
const state = slice("gauss.", { of: "0", seed: 0, t: 1, x: 0, y: 0, major: 0, minor: 0, angle: 0 });

export class Gaussians implements ToolState {
  z = $state.raw<Float32Array>(new Float32Array());
  answer = $state.raw<DecodeReply | null>(null);
  verdict = $state.raw<Verdict | null>(null);
  errorMessage = $state("");
  /** number of the sample under the pointer; -1 for none */
  hovered = $state(-1);
  private readonly latest = new Latest();
  private readonly noise: Noise;
  private timer = 0;
  private lastQuery = "";

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {
    this.noise = new Noise(here.model.id);
  }

  get seed(): number {
    return state.seed;
  }

  get temperature(): number {
    return state.t;
  }

  get classes(): string[] {
    return this.here.plane?.ellipses.length ? this.here.model.classes : [];
  }

  /** Number of the class; null for the other kinds of Gaussian. */
  get label(): number | null {
    const label = /^\d+$/.test(state.of) ? Number(state.of) : 0;
    return this.kind === "class" ? Math.min(label, this.classes.length - 1) : null;
  }

  get kind(): "class" | "all" | "own" {
    if (state.of === "own") return "own";
    return state.of === "all" || !this.classes.length ? "all" : "class";
  }

  /** The drawn ellipse at one standard deviation; null for the other kinds of Gaussian. */
  get ellipse(): Ellipse | null {
    const { x, y, major, minor, angle } = state;
    if (this.kind !== "own" || major <= 0 || minor <= 0) return null;
    return { x: rounded(x), y: rounded(y), major: rounded(major), minor: rounded(minor), angle: rounded(angle) };
  }

  /** Positions of the samples on the map. */
  get dots(): [number, number][] {
    return this.here.plane ? project(this.here.plane, this.z) : [];
  }

  /** A click on a class in the legend selects its Gaussian, unless the visitor is drawing one. */
  get onClass(): ((label: number) => void) | undefined {
    return this.kind === "own" ? undefined : (label) => this.choose(String(label));
  }

  choose(of: string): void {
    const isNew = of === "own" && !(state.major > 0 && this.here.isVisible(state.x, state.y));
    if (isNew) this.reshape(this.initialEllipse());
    state.of = of;
    updateAddress();
  }

  /** Change the drawn ellipse. */
  reshape(part: Partial<Ellipse>): void {
    for (const [key, value] of Object.entries(part)) Object.assign(state, { [key]: Math.fround(value) });
    updateAddress();
  }

  resample(): void {
    state.seed = (state.seed + 1) % SEEDS;
    updateAddress();
  }

  setTemperature(temperature: number): void {
    state.t = temperature;
    updateAddress();
  }

  /** Sample according to a query, and score the samples after a pause. */
  sample(query: string): void {
    this.lastQuery = query;
    this.verdict = null;
    this.latest.run(() => this.decode(query));
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.score(query), PAUSE);
  }

  private async decode(query: string): Promise<void> {
    const { model } = this.here;
    try {
      const z = await this.latents(query);
      const n = Math.min(GRID_IMAGES, z.length / model.latent_dim);
      const rows = z.slice(0, n * model.latent_dim);
      const reply = await this.socket.decode({ model: model.id, kind: LATENTS, n, rows });
      if (!reply) return;
      if ("error" in reply) throw new Error(reply.error);
      this.z = z;
      this.answer = reply;
      this.errorMessage = "";
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  private async latents(query: string): Promise<Float32Array> {
    const { plane, model } = this.here;
    if (this.ellipse && plane) {
      const noise = await this.noise.of(state.seed);
      if (this.ellipse) return sampleEllipse(this.ellipse, plane, noise, rounded(state.t));
    }
    return new Float32Array(await (await get(`api/models/${model.id}/gaussian-samples?${query}`)).arrayBuffer());
  }

  private async score(query: string): Promise<void> {
    try {
      const verdict: Verdict = await (await get(`api/models/${this.here.model.id}/gaussian-samples/assessment?${query}`)).json();
      if (query === this.lastQuery) this.verdict = verdict;
    } catch (error) {
      if (query === this.lastQuery) this.errorMessage = (error as Error).message;
    }
  }

  /** The settings as parameters of a request. */
  get query(): string {
    const parameters: Record<string, string> = { of: this.kind, seed: String(state.seed), temperature: formatFloat32(state.t) };
    if (this.label !== null) parameters.label = this.classes[this.label];
    if (this.ellipse) {
      for (const [key, value] of Object.entries(this.ellipse)) parameters[key] = formatFloat32(value);
      parameters.plane = this.here.planeName;
    }
    return new URLSearchParams(parameters).toString();
  }

  /** The ellipse to start drawing with: that of the current class if it is fully visible, otherwise one
   * in the centre of the view. */
  private initialEllipse(): Ellipse {
    const ellipse = this.label === null ? undefined : this.here.plane?.ellipses[0]?.[this.label];
    const { x, y, scale } = this.here.view;
    const reach = ellipse ? HANDLE_SIGMAS * ellipse.major : 0;
    const visible = ellipse && [-1, 1].every((side) => this.here.isVisible(ellipse.x + side * reach, ellipse.y + side * reach));
    return ellipse && visible ? { ...ellipse } : { x, y, major: 60 / scale, minor: 40 / scale, angle: 0 };
  }

  /** Python that reproduces the images of the grid. */
  get code(): string {
    const settings = `seed=${state.seed}, truncation=${pythonFloat(state.t)}`;
    const images = `images = latent_map.decode(z[:${GRID_IMAGES}])`;
    if (!this.ellipse) {
      const call = this.label === null ? `gaussian_latents(${settings})` : `class_latents(${JSON.stringify(this.classes[this.label])}, ${settings})`;
      return this.here.python([`z = latent_map.${call}`, images, saveImages("images", "samples.png")]);
    }
    const { x, y, major, minor, angle } = this.ellipse;
    return this.here.python([
      "z = latent_map.ellipse_latents(",
      `    (${pythonFloat(x)}, ${pythonFloat(y)}), major=${pythonFloat(major)}, minor=${pythonFloat(minor)},`,
      `    angle=${pythonFloat(angle)}, ${settings}${this.here.planeArgument},`,
      ")",
      images,
      saveImages("images", "samples.png"),
    ]);
  }
}

export default {
  name: "gaussians",
  order: 1,
  supports: (model) => model.has_map,
  createState: ({ here, socket }) => new Gaussians(here, socket),
  Panel,
  Dots,
  Marks,
} satisfies Tool<Gaussians>;
