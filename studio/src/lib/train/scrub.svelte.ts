// State of the time machine: the position of its slider, and what is shown for it.
import { formatFloat32, slice, updateAddress } from "../address.svelte";
import type { Model } from "../api";
import { nearestIndex } from "../chart/numbers";
import { oneHot, POINTS, type DecodeReply } from "../socket";
import { fit, type View } from "../splat";
import { socket } from "../studio.svelte";
import { saveImages } from "../samples";
import { levelOf, levelColour } from "../scores";
import { interpolate, SnapshotHistory, type ShownMap, type Snapshot } from "./snapshots.svelte";

/** The state that is kept in the address; `at` is the number of a snapshot, 0 for the last one. */
export const scrubState = slice("m.", { at: 0, x: 0, y: 0, label: 0, speed: 1 });
export const SPEEDS = [0.5, 1, 2, 4];
/** Time per snapshot during playback at speed 1. */
const PLAY_INTERVAL_MS = 900;
/** Duration of the transition from one map to the next. */
const TRANSITION_MS = 250;
const DEFAULT_SIZE = { width: 640, height: 480 };

export class Scrub {
  readonly history: SnapshotHistory;
  /** number of the snapshot on the screen; 0: none yet */
  at = $state(0);
  shown = $state.raw<ShownMap>({ map: null, ellipses: [] });
  reply = $state.raw<DecodeReply | null>(null);
  view = $state<View>({ x: 0, y: 0, scale: 80 });
  playing = $state(false);
  error = $state("");
  private size = DEFAULT_SIZE;
  private animation = 0;
  private timer = 0;

  /** @param onstep called with the training step when the slider is moved; with -1 for the last
   * snapshot, so that the selection stays at the end while the run adds more */
  constructor(model: Model, private readonly onstep: (step: number) => void) {
    this.history = new SnapshotHistory(model);
  }

  get model(): Model {
    return this.history.model;
  }

  /** Number of the selected snapshot, which may still be loading. */
  get wanted(): number {
    const { count } = this.history;
    return scrubState.at >= 1 && scrubState.at <= count ? Math.round(scrubState.at) : count;
  }

  /** Training step of the selected snapshot. */
  get step(): number {
    return this.model.snapshots[this.wanted - 1];
  }

  get snapshot(): Snapshot | undefined {
    return this.history.loaded.get(this.at);
  }

  get ring(): string {
    const level = levelOf(this.reply?.scores[0]);
    return level === null ? "var(--accent)" : levelColour(level, this.snapshot?.plane?.fidelity);
  }

  end(): void {
    this.pause();
    cancelAnimationFrame(this.animation);
    this.history.end();
  }

  /** Select a snapshot by its number. */
  go(number: number): void {
    const to = Math.max(1, Math.min(this.history.count, number));
    this.select(to === this.history.count ? 0 : to);
    this.onstep(scrubState.at ? this.step : -1);
  }

  /** Select the snapshot nearest to a step on a logarithmic scale, on which they are evenly spaced. */
  goToStep(step: number): void {
    this.select(nearestIndex(this.model.snapshots, step, Math.log1p) + 1);
  }

  private select(number: number): void {
    scrubState.at = number;
    updateAddress();
    this.update();
  }

  /** Show the selected snapshot if it is loaded; otherwise keep the previous one. */
  update(): void {
    const { loaded } = this.history;
    const next = loaded.has(this.wanted) ? this.wanted : this.at || Math.max(...loaded.keys());
    const snapshot = loaded.get(next);
    if (!snapshot || next === this.at) return;
    const isFirst = this.at === 0;
    this.at = next;
    const to = { map: snapshot.map, ellipses: snapshot.plane?.ellipses ?? [] };
    if (isFirst || matchMedia("(prefers-reduced-motion: reduce)").matches) this.jump(to);
    else this.animate(to);
    if (isFirst) this.whole();
    this.decode();
  }

  private jump(to: ShownMap): void {
    cancelAnimationFrame(this.animation);
    this.shown = to;
  }

  private animate(to: ShownMap): void {
    cancelAnimationFrame(this.animation);
    const from = this.shown;
    const begun = performance.now();
    const frame = (now: number): void => {
      const linear = Math.min(1, Math.max(0, (now - begun) / TRANSITION_MS));
      const eased = linear * linear * (3 - 2 * linear);
      this.shown = interpolate(from, to, eased);
      if (linear < 1) this.animation = requestAnimationFrame(frame);
    };
    this.animation = requestAnimationFrame(frame);
  }

  play(): void {
    this.playing = true;
    if (this.wanted === this.history.count) this.go(1);
    this.scheduleNext();
  }

  pause(): void {
    this.playing = false;
    clearTimeout(this.timer);
  }

  private scheduleNext(): void {
    this.timer = window.setTimeout(() => {
      const { done, count } = this.history;
      const isLoading = this.at !== this.wanted && done < count;
      if (!isLoading) this.go(this.wanted + 1);
      if (!isLoading && this.wanted === count) this.pause();
      else this.scheduleNext();
    }, PLAY_INTERVAL_MS / scrubState.speed);
  }

  resize(width: number, height: number): void {
    const isFirst = this.size === DEFAULT_SIZE && this.shown.map !== null;
    this.size = { width, height };
    if (isFirst) this.whole();
  }

  /** Show the whole map. */
  whole(): void {
    const { map } = this.shown;
    if (map) this.view = fit(map.points, this.size.width, this.size.height);
    else this.view = { x: 0, y: 0, scale: 56 };
  }

  /** Move the cursor. */
  move(x: number, y: number): void {
    scrubState.x = Math.fround(x);
    scrubState.y = Math.fround(y);
    updateAddress();
    this.decode();
  }

  chooseClass(label: number): void {
    scrubState.label = label;
    updateAddress();
    this.decode();
  }

  /** Index of the class that images are conditioned on. */
  get label(): number {
    return this.model.classes[scrubState.label] === undefined ? 0 : scrubState.label;
  }

  async decode(): Promise<void> {
    const { model } = this;
    if (!this.at) return;
    const rows = Float32Array.of(scrubState.x, scrubState.y);
    const labels = model.decodes_label ? oneHot(this.label, 1, model.classes.length) : undefined;
    const result = await socket.decode({ model: model.id, kind: POINTS, n: 1, rows, labels, snapshot: this.at });
    if (!result) return;
    this.error = "error" in result ? result.error : "";
    if (!("error" in result)) this.reply = result;
  }

  /** Python that loads this snapshot, and generates its samples and the image at the cursor. */
  get code(): string {
    const { model } = this;
    const step = model.snapshots[this.at - 1];
    const label = model.decodes_label ? `, label=${JSON.stringify(model.classes[this.label])}` : "";
    const data = model.moved === null ? "" : `, ${JSON.stringify(model.moved)}`;
    const point = `${formatFloat32(scrubState.x)}, ${formatFloat32(scrubState.y)}`;
    return [
      "import latentarium as la",
      "",
      `run = la.Run(${JSON.stringify(model.run)})`,
      `model = run.load(${step})`,
      `samples = model.sample(${this.sampleArguments}seed=0)`,
      `latent_map = la.LatentMap.from_run(run${data}, step=${step})`,
      `image = latent_map.decode_at(${point}${label})`,
      saveImages("samples", "samples.png"),
      saveImages("image", "decoded.png"),
    ].join("\n");
  }

  /** The number of samples that are shown, and their labels: eight of each class. */
  private get sampleArguments(): string {
    const { model } = this;
    const classes = Math.min(model.classes.length, 10);
    if (model.takes_label) return `${8 * classes}, label=[*model.classes[:${classes}]] * 8, `;
    return model.has_map ? "32, " : "64, ";
  }
}
