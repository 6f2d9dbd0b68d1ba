// What Explore knows of one model, shared by its map and its tools.
import { gapGrid, plane, pointMap, type Box, type GapGrid, type Model, type Plane, type PointMap } from "../api";
import { exact, slice, toAddress } from "../address.svelte";
import { trustColour } from "../palette";
import { socket } from "../studio.svelte";
import { oneHot, POINTS, type Answer } from "../socket";
import { fit, type View } from "../splat";

/** The part of the address that Explore has. */
export const shown = slice("", { x: 0, y: 0, label: 0, ellipses: true, gaps: "none", tool: "look" });

export class Explorer {
  points = $state.raw<PointMap | null>(null);
  flat = $state.raw<Plane | null>(null);
  grid = $state.raw<GapGrid | null>(null);
  answer = $state.raw<Answer | null>(null);
  view = $state<View>({ x: 0, y: 0, scale: 80 });
  trouble = $state("");
  private size = { width: 640, height: 480 };
  private ends: Box | null = null;

  constructor(readonly model: Model) {}

  /** How much of the trust is left at the cursor; null where the model can't say. */
  get level(): number | null {
    const trust = this.answer?.trust[0];
    return trust && !Number.isNaN(trust.rarity) ? 1 - trust.rarity : null;
  }

  get ring(): string {
    return this.level === null ? "var(--accent)" : trustColour(this.level);
  }

  async load(): Promise<void> {
    this.decode();
    if (!this.model.has_map) return;
    try {
      const [points, flat] = await Promise.all([pointMap(this.model.id), plane(this.model.id)]);
      this.points = points;
      this.flat = flat;
      this.whole();
      this.showGaps();
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  resize(width: number, height: number): void {
    const first = this.size.width === 640 && this.points !== null;
    this.size = { width, height };
    if (first) this.whole();
  }

  whole(): void {
    const { width, height } = this.size;
    this.view = this.points ? fit(this.points.points, width, height) : { x: 0, y: 0, scale: 80 };
    const half = { x: (0.62 * width) / this.view.scale, y: (0.62 * height) / this.view.scale };
    const { x, y } = this.view;
    this.ends = { left: x - half.x, right: x + half.x, low: y - half.y, high: y + half.y };
  }

  async showGaps(): Promise<void> {
    const definition = shown.gaps;
    toAddress();
    if (!this.ends || !this.model.gaps.includes(definition)) {
      this.grid = null;
      return;
    }
    try {
      const found = await gapGrid(this.model.id, definition, this.ends);
      if (shown.gaps === definition) this.grid = found;
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** The class asked for, for n images; nothing for a model that is not asked. */
  weights(n: number): Float32Array | undefined {
    return this.model.asks_class ? oneHot(shown.label, n, this.model.classes.length) : undefined;
  }

  go(x: number, y: number): void {
    shown.x = x;
    shown.y = y;
    toAddress();
    this.decode();
  }

  ask(label: number): void {
    shown.label = label;
    toAddress();
    this.decode();
  }

  async decode(): Promise<void> {
    const rows = Float32Array.of(shown.x, shown.y);
    const found = await socket.ask({ model: this.model.id, kind: POINTS, n: 1, rows, labels: this.weights(1) });
    if (!found) return;
    if ("sentence" in found) {
      this.trouble = found.sentence;
      return;
    }
    this.trouble = "";
    this.answer = found;
  }

  /** Python that makes the image under the cursor. */
  get code(): string {
    const { model } = this;
    const label = model.asks_class ? `, label=${JSON.stringify(model.classes[shown.label])}` : "";
    return [
      "import latentarium as la",
      "from latentarium.studio.atlas import Atlas",
      "",
      `model = la.load(${JSON.stringify(model.folder)})`,
      `atlas = Atlas(model, la.load_data(${JSON.stringify(model.data)}))`,
      `image = atlas.decode_at(${exact(shown.x)}, ${exact(shown.y)}${label})`,
    ].join("\n");
  }
}
