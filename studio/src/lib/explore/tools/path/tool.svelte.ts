// Paths between two latents by several interpolation methods, each a strip of images.
import { get } from "../../../api";
import { formatFloat32, slice, updateAddress } from "../../../address.svelte";
import { Latest } from "../../../latest";
import { project } from "../../../plane";
import { LATENTS, oneHot, pixelsOf, type DecodeReply, type DecodeSocket } from "../../../socket";
import { levelOf, UNUSUAL } from "../../../scores";
import { exploreState, type Explorer } from "../../explorer.svelte";
import type { Tool, ToolState } from "../../tools";
import Marks from "./Marks.svelte";
import Panel from "./Panel.svelte";
import Strips from "./Strips.svelte";

export type End = "a" | "b";
/** A path, or a sentence that explains why there is none. */
export interface Path {
  /** the interpolation method */
  name: string;
  z?: number[][];
  error?: string;
}
type FoundPath = Path & { z: number[][] };
interface Reply {
  paths: Path[];
  ends: [number[], number[]];
  /** number of latents in the graph of the path through the data */
  graph_size: number;
}

export const STEPS = [8, 12, 16, 24];

/** The tool's slice of the address. An end is an image, as in i17, or a point of the map, as in 0.5,-1.25. */
const state = slice("p.", { a: "", b: "", steps: 16, kind: "linear", at: 0 });

export class Paths implements ToolState {
  reply = $state.raw<Reply | null>(null);
  answer = $state.raw<DecodeReply | null>(null);
  errorMessage = $state("");
  playing = $state(false);
  private readonly latest = new Latest();
  private timer = 0;

  /** the cursor when a frame was selected: once it moves, the image at the cursor is shown instead */
  private cursor = $state(`${exploreState.x},${exploreState.y}`);

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {}

  /** The ends; by default two images, or two points of a lattice. */
  get ends(): Record<End, string> {
    const defaults = this.here.model.has_map ? { a: "i0", b: "i1" } : { a: "0,0", b: "3,2" };
    const isValid = (name: string): boolean => name !== "" && (this.here.model.has_map || name.includes(","));
    return { a: isValid(state.a) ? state.a : defaults.a, b: isValid(state.b) ? state.b : defaults.b };
  }

  get steps(): number {
    return STEPS.includes(state.steps) ? state.steps : 16;
  }

  /** The paths that exist. */
  get paths(): FoundPath[] {
    return (this.reply?.paths ?? []).filter((path): path is FoundPath => path.z !== undefined);
  }

  /** Index of the selected path in `paths`. */
  get row(): number {
    return Math.max(0, this.paths.findIndex((path) => path.name === state.kind));
  }

  /** Number of the selected frame. */
  get at(): number {
    return Math.max(0, Math.min(this.steps - 1, Math.round(state.at)));
  }

  /** Position of an end on the map. */
  endPosition(end: End): [number, number] | null {
    const point = this.ends[end].split(",").map(Number);
    if (point.length === 2 && point.every(Number.isFinite)) return [point[0], point[1]];
    const z = this.reply?.ends[end === "a" ? 0 : 1];
    return z && this.here.plane ? project(this.here.plane, Float32Array.from(z))[0] : null;
  }

  /** A path on the map; empty on a lattice, which shows no paths. */
  line(path: Path): [number, number][] {
    return path.z && this.here.plane ? project(this.here.plane, Float32Array.from(path.z.flat())) : [];
  }

  setEnd(end: End, name: string): void {
    state[end] = name;
    updateAddress();
  }

  moveEnd(end: End, x: number, y: number): void {
    this.setEnd(end, `${formatFloat32(x)},${formatFloat32(y)}`);
  }

  setSteps(steps: number): void {
    state.steps = steps;
    updateAddress();
  }

  /** Whether the cursor moved since a frame was selected. */
  get atCursor(): boolean {
    return this.cursor !== `${exploreState.x},${exploreState.y}`;
  }

  /** Select a frame of a path. */
  select(name: string, at: number): void {
    state.kind = name;
    state.at = at;
    this.cursor = `${exploreState.x},${exploreState.y}`;
    updateAddress();
  }

  /** Position of the selected frame on the map. */
  get framePosition(): [number, number] | null {
    const path = this.paths[this.row];
    return (path && this.line(path)[this.at]) ?? null;
  }

  /** Compute the paths of a query. Of the queries that arrive during a computation, only the newest is used. */
  find(query: string): void {
    this.latest.run(() => this.request(query));
  }

  private async request(query: string): Promise<void> {
    const { model } = this.here;
    try {
      const reply: Reply = await (await get(`api/models/${model.id}/interpolations?${query}`)).json();
      const rows = Float32Array.from(reply.paths.flatMap((path) => path.z?.flat() ?? []));
      const n = rows.length / model.latent_dim;
      const labels = model.decodes_label ? oneHot(exploreState.label, n, model.classes.length) : undefined;
      const answer = await this.socket.decode({ model: model.id, kind: LATENTS, n, rows, labels });
      if (!answer) return;
      if ("error" in answer) throw new Error(answer.error);
      this.reply = reply;
      this.answer = answer;
      this.errorMessage = "";
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** The settings as parameters of a request. */
  get query(): string {
    const parameters: Record<string, string> = { ...this.ends, steps: String(this.steps), plane: this.here.planeName };
    if (this.here.model.decodes_label) parameters.label = this.here.model.classes[exploreState.label] ?? "";
    return new URLSearchParams(parameters).toString();
  }

  /** Address of the animation of a path. */
  gifAddress(name: string): string {
    return `api/models/${this.here.model.id}/interpolations/${name}.gif?${this.query}`;
  }

  get fidelity(): number | null {
    return this.here.plane?.fidelity ?? null;
  }

  /** The level (see `Scores`) of each step; null if it is unknown. */
  levels(row: number): number[] | null {
    const scores = this.answer?.scores.slice(row * this.shownSteps, (row + 1) * this.shownSteps) ?? [];
    const levels = scores.map(levelOf);
    return levels.length && levels.every((level) => level !== null) ? levels : null;
  }

  /** Number of steps on the screen, which lags behind `steps` until the reply arrives. */
  get shownSteps(): number {
    return this.paths[0]?.z.length ?? this.steps;
  }

  /** The steps whose images are unusual, counted from 1, as in "5–9, 12". */
  static unusualSteps(levels: number[]): string {
    const spans: [number, number][] = [];
    levels.forEach((level, i) => {
      if (level >= UNUSUAL) return;
      if (spans.length && spans[spans.length - 1][1] === i) spans[spans.length - 1][1] = i + 1;
      else spans.push([i + 1, i + 1]);
    });
    return spans.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  }

  pixels(row: number, i: number): Uint8Array | null {
    return this.answer ? pixelsOf(this.answer, row * this.shownSteps + i) : null;
  }

  /** A decode reply that contains only the selected frame. */
  get current(): DecodeReply | null {
    if (!this.answer || !this.paths.length) return null;
    const i = this.row * this.shownSteps + Math.min(this.at, this.shownSteps - 1);
    return { ...this.answer, pixels: pixelsOf(this.answer, i), scores: [this.answer.scores[i]] };
  }

  /** Play a path forwards and backwards; slowly if the visitor prefers reduced motion. */
  play(name: string): void {
    this.pause();
    this.playing = true;
    let step = 1;
    this.select(name, this.row === this.paths.findIndex((path) => path.name === name) ? this.at : 0);
    const interval = matchMedia("(prefers-reduced-motion: reduce)").matches ? 700 : 110;
    this.timer = window.setInterval(() => {
      if (this.at + step < 0 || this.at + step >= this.shownSteps) step = -step;
      this.select(name, this.at + step);
    }, interval);
  }

  pause(): void {
    clearInterval(this.timer);
    this.playing = false;
  }

  leave(): void {
    this.pause();
  }

  close(): void {
    this.pause();
  }

  /** Python that reproduces the images of the selected path. */
  get code(): string {
    const { model, planeArgument } = this.here;
    const { a, b } = this.ends;
    const name = this.paths[this.row]?.name ?? "linear";
    const label = model.decodes_label ? `, label=${JSON.stringify(model.classes[exploreState.label])}` : "";
    return this.here.python([
      `z = latent_map.interpolate("${a}", "${b}", steps=${this.steps}, method="${name}"${planeArgument})`,
      `images = latent_map.decode(z${label})`,
      `la.save_images(images, "path.png", columns=${this.steps})`,
    ]);
  }
}

export default {
  name: "path",
  order: 4,
  createState: ({ here, socket }) => new Paths(here, socket),
  Panel,
  Marks,
  Strips,
  stripsHeight: (model) => (model.has_map ? 290 : 190),
} satisfies Tool<Paths>;
