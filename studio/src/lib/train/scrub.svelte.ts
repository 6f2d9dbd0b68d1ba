// Where the slider of the time machine stands, and what is shown for it.
import { exact, slice, toAddress } from "../address.svelte";
import type { Model } from "../api";
import { oneHot, POINTS, type Answer } from "../socket";
import { fit, type View } from "../splat";
import { socket } from "../studio.svelte";
import { levelOf, trustColour } from "../trust";
import { between, History, type Moment, type Shown } from "./history.svelte";
import { nearest } from "./scale";

/** The part of the address that the time machine has; moment 0 is the last one. */
export const chosen = slice("m.", { at: 0, x: 0, y: 0, label: 0, speed: 1 });
export const SPEEDS = [0.5, 1, 2, 4];
/** Between two moments while it plays, at speed 1. */
const PACE_MS = 900;
const SWIM_MS = 250;
const NOTHING: Shown = { map: null, ellipses: [] };

export class Scrub {
  readonly history: History;
  /** the moment on the screen; 0: none yet */
  at = $state(0);
  shown = $state.raw<Shown>(NOTHING);
  answer = $state.raw<Answer | null>(null);
  view = $state<View>({ x: 0, y: 0, scale: 80 });
  playing = $state(false);
  trouble = $state("");
  private size = { width: 640, height: 480 };
  private swim = 0;
  private beat = 0;

  /** @param onstep is told the step of training at which the slider was put; -1: the last one, also
   * when there are more */
  constructor(model: Model, private readonly onstep: (step: number) => void) {
    this.history = new History(model);
  }

  get model(): Model {
    return this.history.model;
  }

  /** The moment that is asked for: it may not be there yet. */
  get wanted(): number {
    const { count } = this.history;
    return chosen.at >= 1 && chosen.at <= count ? Math.round(chosen.at) : count;
  }

  /** Of the training, at the moment that is asked for. */
  get step(): number {
    return this.model.snapshots[this.wanted - 1];
  }

  get moment(): Moment | undefined {
    return this.history.moments.get(this.at);
  }

  get ring(): string {
    const level = levelOf(this.answer?.trust[0]);
    return level === null ? "var(--accent)" : trustColour(level, this.moment?.flat?.fidelity);
  }

  end(): void {
    this.pause();
    cancelAnimationFrame(this.swim);
    this.history.end();
  }

  go(moment: number): void {
    const to = Math.max(1, Math.min(this.history.count, moment));
    this.put(to === this.history.count ? 0 : to);
    this.onstep(chosen.at ? this.step : -1);
  }

  /** Goes to the moment that is nearest to a step, and stays there: they are spaced evenly in its
   * logarithm. */
  near(step: number): void {
    this.put(nearest(this.model.snapshots, step, Math.log1p) + 1);
  }

  private put(moment: number): void {
    chosen.at = moment;
    toAddress();
    this.follow();
  }

  /** Shows what is asked for as soon as it is there; until then, what was shown before. */
  follow(): void {
    const { moments } = this.history;
    const next = moments.has(this.wanted) ? this.wanted : this.at || Math.max(...moments.keys());
    const found = moments.get(next);
    if (!found || next === this.at) return;
    const first = this.at === 0;
    this.at = next;
    const to = { map: found.map, ellipses: found.flat?.ellipses ?? [] };
    if (first || matchMedia("(prefers-reduced-motion: reduce)").matches) this.jump(to);
    else this.swimTo(to);
    if (first) this.whole();
    this.decode();
  }

  private jump(to: Shown): void {
    cancelAnimationFrame(this.swim);
    this.shown = to;
  }

  private swimTo(to: Shown): void {
    cancelAnimationFrame(this.swim);
    const from = this.shown;
    const begun = performance.now();
    const frame = (now: number): void => {
      const part = Math.min(1, Math.max(0, (now - begun) / SWIM_MS));
      this.shown = between(from, to, part * part * (3 - 2 * part)); // gently at both ends
      if (part < 1) this.swim = requestAnimationFrame(frame);
    };
    this.swim = requestAnimationFrame(frame);
  }

  play(): void {
    this.playing = true;
    if (this.wanted === this.history.count) this.go(1);
    this.next();
  }

  pause(): void {
    this.playing = false;
    clearTimeout(this.beat);
  }

  private next(): void {
    this.beat = window.setTimeout(() => {
      const { done, count } = this.history;
      const waits = this.at !== this.wanted && done < count; // it is still being fetched
      if (!waits) this.go(this.wanted + 1);
      if (!waits && this.wanted === count) this.pause();
      else this.next();
    }, PACE_MS / chosen.speed);
  }

  resize(width: number, height: number): void {
    const first = this.size.width === 640 && this.shown.map !== null;
    this.size = { width, height };
    if (first) this.whole();
  }

  whole(): void {
    const { map } = this.shown;
    if (map) this.view = fit(map.points, this.size.width, this.size.height);
    else this.view = { x: 0, y: 0, scale: 56 };
  }

  move(x: number, y: number): void {
    chosen.x = Math.fround(x);
    chosen.y = Math.fround(y);
    toAddress();
    this.decode();
  }

  ask(label: number): void {
    chosen.label = label;
    toAddress();
    this.decode();
  }

  /** Of the model's classes, the one asked for. */
  get label(): number {
    return this.model.classes[chosen.label] === undefined ? 0 : chosen.label;
  }

  async decode(): Promise<void> {
    const { model } = this;
    if (!this.at) return;
    const rows = Float32Array.of(chosen.x, chosen.y);
    const labels = model.decodes_label ? oneHot(this.label, 1, model.classes.length) : undefined;
    const found = await socket.ask({ model: model.id, kind: POINTS, n: 1, rows, labels, moment: this.at });
    if (!found) return;
    this.trouble = "sentence" in found ? found.sentence : "";
    if (!("sentence" in found)) this.answer = found;
  }

  /** Python that loads this moment, and makes the samples and the image under the cursor. */
  get code(): string {
    const { model } = this;
    const label = model.decodes_label ? `, label=${JSON.stringify(model.classes[this.label])}` : "";
    const many = model.kind.includes("GAN") ? "" : ", 32";
    return [
      "import latentarium as la",
      "from latentarium.run import Run",
      "from latentarium.sampling import fixed_samples",
      "from latentarium.studio.maps.moments import Moments",
      "",
      `run = Run(${JSON.stringify(model.folder)})`,
      `model = run.load(${model.snapshots[this.at - 1]})`,
      `samples, columns = fixed_samples(model${many})`,
      `moments = Moments(run, ${model.data_code})`,
      `image = moments.atlas(${this.at}).decode_at(${exact(chosen.x)}, ${exact(chosen.y)}${label})`,
    ].join("\n");
  }
}
