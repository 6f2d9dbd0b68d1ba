// Images drawn from a Gaussian: of a class, of all images, or one that a person makes on the map.
import { get, type Ellipse } from "../api";
import { exact, pythonFloat, slice, toAddress } from "../address.svelte";
import { Latest } from "../latest";
import { shadows } from "../plane";
import { LATENTS, type DecodeReply, type DecodeSocket } from "../socket";
import type { Explorer } from "./explorer.svelte";
import { drawsOf, Noise } from "./own";

export const SHOWN = 25;
/** Handles lie at two standard deviations, where there is room for them. */
export const REACH = 2;
const SEEDS = 2 ** 32;
/** Milliseconds without a change before the judge is asked: it takes longer than the images. */
const PAUSE = 250;

/** A share of draws with its 95 % interval. */
export interface Share {
  share: number;
  low: number;
  high: number;
}
export interface Verdict {
  n: number;
  /** half of the draws are rarer than this share of held-out images */
  rarer: number;
  off: Share;
  sure: Share | null;
  judged: Share | null;
  usual: { n: number; off: Share | null; sure: Share | null; judged: Share | null };
}

/** A number as the server and Python read it from the decimal that they are given. */
const sent = (value: number): number => Number(exact(value));

/** `of`: the number of a class, all, or own; the ellipse at one standard deviation. */
const chosen = slice("gauss.", { of: "0", seed: 0, t: 1, x: 0, y: 0, major: 0, minor: 0, angle: 0 });

export class Gaussians {
  z = $state.raw<Float32Array>(new Float32Array());
  answer = $state.raw<DecodeReply | null>(null);
  verdict = $state.raw<Verdict | null>(null);
  trouble = $state("");
  /** the draw under the pointer */
  hot = $state(-1);
  private readonly latest = new Latest();
  private readonly noise: Noise;
  private due = 0;
  private asked = "";

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {
    this.noise = new Noise(here.model.id);
  }

  get seed(): number {
    return chosen.seed;
  }

  get temperature(): number {
    return chosen.t;
  }

  get classes(): string[] {
    return this.here.flat?.ellipses.length ? this.here.model.classes : [];
  }

  /** The class drawn from; null for the other two kinds. */
  get label(): number | null {
    const label = /^\d+$/.test(chosen.of) ? Number(chosen.of) : 0;
    return this.kind === "class" ? Math.min(label, this.classes.length - 1) : null;
  }

  get kind(): "class" | "all" | "own" {
    if (chosen.of === "own") return "own";
    return chosen.of === "all" || !this.classes.length ? "all" : "class";
  }

  /** One's own Gaussian at one standard deviation; null where another one is drawn from. */
  get ellipse(): Ellipse | null {
    const { x, y, major, minor, angle } = chosen;
    if (this.kind !== "own" || major <= 0 || minor <= 0) return null;
    return { x: sent(x), y: sent(y), major: sent(major), minor: sent(minor), angle: sent(angle) };
  }

  /** Where the draws fall on the map. */
  get dots(): [number, number][] {
    return this.here.flat ? shadows(this.here.flat, this.z) : [];
  }

  choose(of: string): void {
    const begins = of === "own" && !(chosen.major > 0 && this.here.sees(chosen.x, chosen.y));
    if (begins) this.shape(this.beginning());
    chosen.of = of;
    toAddress();
  }

  /** Another shape of one's own Gaussian. */
  shape(part: Partial<Ellipse>): void {
    for (const [key, value] of Object.entries(part)) Object.assign(chosen, { [key]: Math.fround(value) });
    toAddress();
  }

  redraw(): void {
    chosen.seed = (chosen.seed + 1) % SEEDS;
    toAddress();
  }

  heat(temperature: number): void {
    chosen.t = temperature;
    toAddress();
  }

  /** Draws what a query asks for, and once the hand rests asks what becomes of it. */
  draw(query: string): void {
    this.asked = query;
    this.verdict = null;
    this.latest.run(() => this.show(query));
    clearTimeout(this.due);
    this.due = window.setTimeout(() => this.judge(query), PAUSE);
  }

  private async show(query: string): Promise<void> {
    const { model } = this.here;
    try {
      const z = await this.latents(query);
      const n = Math.min(SHOWN, z.length / model.latent_dim);
      const rows = z.slice(0, n * model.latent_dim);
      const found = await this.socket.decode({ model: model.id, kind: LATENTS, n, rows });
      if (!found) return;
      if ("sentence" in found) throw new Error(found.sentence);
      this.z = z;
      this.answer = found;
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  private async latents(query: string): Promise<Float32Array> {
    const { flat, model } = this.here;
    if (this.ellipse && flat) {
      const noise = await this.noise.of(chosen.seed);
      if (this.ellipse) return drawsOf(this.ellipse, flat, noise, sent(chosen.t));
    }
    return new Float32Array(await (await get(`/api/models/${model.id}/draws?${query}`)).arrayBuffer());
  }

  private async judge(query: string): Promise<void> {
    try {
      const found: Verdict = await (await get(`/api/models/${this.here.model.id}/draws/verdict?${query}`)).json();
      if (query === this.asked) this.verdict = found;
    } catch (error) {
      if (query === this.asked) this.trouble = (error as Error).message;
    }
  }

  /** What is asked for, as the server takes it. */
  get query(): string {
    const words: Record<string, string> = { of: this.kind, seed: String(chosen.seed), temperature: exact(chosen.t) };
    if (this.label !== null) words.label = String(this.label);
    if (this.ellipse) {
      for (const [key, value] of Object.entries(this.ellipse)) words[key] = exact(value);
      words.plane = this.here.plane;
    }
    return new URLSearchParams(words).toString();
  }

  /** The class that was shown, as the beginning of one's own, if all of it is seen; else one in the
   * middle of what is. */
  private beginning(): Ellipse {
    const of = this.label === null ? undefined : this.here.flat?.ellipses[0]?.[this.label];
    const { x, y, scale } = this.here.view;
    const reach = of ? REACH * of.major : 0;
    const whole = of && [-1, 1].every((side) => this.here.sees(of.x + side * reach, of.y + side * reach));
    return of && whole ? { ...of } : { x, y, major: 60 / scale, minor: 40 / scale, angle: 0 };
  }

  /** Python that makes the images of the grid. */
  get code(): string {
    const how = `seed=${chosen.seed}, temperature=${pythonFloat(chosen.t)}`;
    const end = [`images = decode(model, z[:${SHOWN}])`];
    if (!this.ellipse) {
      const name = this.kind === "class" ? "of_class" : "of_all";
      const of = this.label === null ? "" : `${this.label}, `;
      return this.here.python(
        ["sampling import decode", `studio.maps.draws import ${name}`], [`z = ${name}(atlas, ${of}${how})`, ...end],
      );
    }
    const { x, y, major, minor, angle } = this.ellipse;
    const plane = this.here.plane ? ", plane=plane" : "";
    return this.here.python(
      ["latent.gaussians import Ellipse", "sampling import decode", "studio.maps.draws import of_ellipse"],
      [
        "ellipse = Ellipse(",
        `    centre=(${pythonFloat(x)}, ${pythonFloat(y)}), major=${pythonFloat(major)}, minor=${pythonFloat(minor)},`,
        `    angle=${pythonFloat(angle)}, sigmas=1.0,`,
        ")",
        `z = of_ellipse(atlas, ellipse, ${how}${plane})`,
        ...end,
      ],
    );
  }
}
