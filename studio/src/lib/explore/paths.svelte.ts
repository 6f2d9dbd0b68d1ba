// Ways between two latents, each a strip of images.
import { get } from "../api";
import { exact, slice, toAddress } from "../address.svelte";
import { Latest } from "../latest";
import { shadows } from "../plane";
import { LATENTS, oneHot, pixelsOf, type Answer, type DecodeSocket } from "../socket";
import { levelOf, OFF } from "../trust";
import { shown, type Explorer } from "./explorer.svelte";

export type End = "a" | "b";
/** A way that was found, or a sentence that says why there is none. */
export interface Way {
  name: string;
  z?: number[][];
  sentence?: string;
}
interface Found {
  ways: Way[];
  ends: [number[], number[]];
  graph_codes: number;
}

export const STEPS = [8, 12, 16, 24];

/** An end is an image, as i17, or a place of the map, as 0.5,-1.25. */
const chosen = slice("p.", { a: "", b: "", steps: 16, way: "straight", at: 0 });

export class Paths {
  found = $state.raw<Found | null>(null);
  answer = $state.raw<Answer | null>(null);
  trouble = $state("");
  playing = $state(false);
  private readonly latest = new Latest();
  private timer = 0;

  /** where the cursor was when a step was looked at: moved since, it is what is looked at */
  private cursor = $state(`${shown.x},${shown.y}`);

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {}

  /** What the ends are; by default two images, or two seeds of a lattice. */
  get ends(): Record<End, string> {
    const usual = this.here.model.has_map ? { a: "i0", b: "i1" } : { a: "0,0", b: "3,2" };
    const known = (name: string): boolean => name !== "" && (this.here.model.has_map || name.includes(","));
    return { a: known(chosen.a) ? chosen.a : usual.a, b: known(chosen.b) ? chosen.b : usual.b };
  }

  get steps(): number {
    return STEPS.includes(chosen.steps) ? chosen.steps : 16;
  }

  /** The ways that were found. */
  get ways(): (Way & { z: number[][] })[] {
    return (this.found?.ways ?? []).filter((one): one is Way & { z: number[][] } => one.z !== undefined);
  }

  /** The number among `ways` of the way that is looked at. */
  get row(): number {
    return Math.max(0, this.ways.findIndex((one) => one.name === chosen.way));
  }

  get at(): number {
    return Math.max(0, Math.min(this.steps - 1, Math.round(chosen.at)));
  }

  /** Where an end is on the map. */
  end(which: End): [number, number] | null {
    const place = this.ends[which].split(",").map(Number);
    if (place.length === 2 && place.every(Number.isFinite)) return [place[0], place[1]];
    const z = this.found?.ends[which === "a" ? 0 : 1];
    return z && this.here.flat ? shadows(this.here.flat, Float32Array.from(z))[0] : null;
  }

  /** A way on the map; nothing on a lattice, which no way keeps to. */
  line(way: Way): [number, number][] {
    return way.z && this.here.flat ? shadows(this.here.flat, Float32Array.from(way.z.flat())) : [];
  }

  put(which: End, name: string): void {
    chosen[which] = name;
    toAddress();
  }

  place(which: End, x: number, y: number): void {
    this.put(which, `${exact(x)},${exact(y)}`);
  }

  divide(steps: number): void {
    chosen.steps = steps;
    toAddress();
  }

  /** Whether the cursor was moved since a step was looked at. */
  get atCursor(): boolean {
    return this.cursor !== `${shown.x},${shown.y}`;
  }

  /** Looks at a step of a way. */
  look(name: string, at: number): void {
    chosen.way = name;
    chosen.at = at;
    this.cursor = `${shown.x},${shown.y}`;
    toAddress();
  }

  /** Where the step that is looked at lies on the map. */
  get stepPlace(): [number, number] | null {
    const way = this.ways[this.row];
    return (way && this.line(way)[this.at]) ?? null;
  }

  /** Looks for the ways of a query; of those that come while it looks, only for the last. */
  find(query: string): void {
    this.latest.run(() => this.search(query));
  }

  private async search(query: string): Promise<void> {
    const { model } = this.here;
    try {
      const found: Found = await (await get(`/api/models/${model.id}/ways?${query}`)).json();
      const rows = Float32Array.from(found.ways.flatMap((one) => one.z?.flat() ?? []));
      const n = rows.length / model.latent_dim;
      const labels = model.decodes_label ? oneHot(shown.label, n, model.classes.length) : undefined;
      const answer = await this.socket.ask({ model: model.id, kind: LATENTS, n, rows, labels });
      if (!answer) return;
      if ("sentence" in answer) throw new Error(answer.sentence);
      this.found = found;
      this.answer = answer;
      this.trouble = "";
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** What is asked for, as the server takes it. */
  get query(): string {
    const words: Record<string, string> = { ...this.ends, steps: String(this.steps), plane: this.here.plane };
    if (this.here.model.decodes_label) words.label = String(shown.label);
    return new URLSearchParams(words).toString();
  }

  /** Where the film of a way is. */
  film(name: string): string {
    return `/api/models/${this.here.model.id}/ways/${name}.gif?${this.query}`;
  }

  get fidelity(): number | null {
    return this.here.flat?.fidelity ?? null;
  }

  /** How far each step can be trusted, as `levelOf`; null where it is unknown. */
  profile(row: number): number[] | null {
    const trust = this.answer?.trust.slice(row * this.shownSteps, (row + 1) * this.shownSteps) ?? [];
    const levels = trust.map(levelOf);
    return levels.length && levels.every((one) => one !== null) ? levels : null;
  }

  /** Steps of what is on the screen, which may be a moment older than what is asked for. */
  get shownSteps(): number {
    return this.ways[0]?.z.length ?? this.steps;
  }

  /** The steps at which a way is off the data, from 1, as 5–9, 12. */
  static off(profile: number[]): string {
    const spans: [number, number][] = [];
    profile.forEach((trust, i) => {
      if (trust >= OFF) return;
      if (spans.length && spans[spans.length - 1][1] === i) spans[spans.length - 1][1] = i + 1;
      else spans.push([i + 1, i + 1]);
    });
    return spans.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  }

  pixels(row: number, i: number): Uint8Array | null {
    return this.answer ? pixelsOf(this.answer, row * this.shownSteps + i) : null;
  }

  /** The step that is looked at, as an answer of its own. */
  get current(): Answer | null {
    if (!this.answer || !this.ways.length) return null;
    const i = this.row * this.shownSteps + Math.min(this.at, this.shownSteps - 1);
    return { ...this.answer, pixels: pixelsOf(this.answer, i), trust: [this.answer.trust[i]] };
  }

  /** There and back, slowly where a person wants little motion. */
  play(name: string): void {
    this.pause();
    this.playing = true;
    let step = 1;
    this.look(name, this.row === this.ways.findIndex((one) => one.name === name) ? this.at : 0);
    const every = matchMedia("(prefers-reduced-motion: reduce)").matches ? 700 : 110;
    this.timer = window.setInterval(() => {
      if (this.at + step < 0 || this.at + step >= this.shownSteps) step = -step;
      this.look(name, this.at + step);
    }, every);
  }

  pause(): void {
    clearInterval(this.timer);
    this.playing = false;
  }

  /** Python that makes the images of the way that is looked at. */
  get code(): string {
    const plane = this.here.plane ? ", plane=plane" : "";
    const name = this.ways[this.row]?.name ?? "straight";
    const ends = (["a", "b"] as const).map((one) => `${one} = latent_of(atlas, "${this.ends[one]}"${plane})`);
    const { model } = this.here;
    const label = model.decodes_label ? `, torch.full((${this.steps},), ${shown.label})` : "";
    const [module, call] = {
      straight: ["latent.paths import lerp", "lerp(a, b"],
      spherical: ["latent.paths import slerp", "slerp(a, b"],
      data: ["studio.maps.ways import through_data", "through_data(atlas, a, b"],
    }[name]!;
    const code = this.here.python(
      ["sampling import decode", "studio.maps.anchors import latent_of", module],
      [...ends, `z = ${call}, steps=${this.steps})`, `images = decode(model, z${label})`],
    );
    return label ? `import torch\n${code}` : code;
  }
}
