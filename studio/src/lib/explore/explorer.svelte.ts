// What Explore knows of one model, shared by its map and its tools.
import { plane, pointMap, type Box, type Model, type Plane, type PointMap } from "../api";
import { pythonFloat, slice, toAddress } from "../address.svelte";
import { lift } from "../plane";
import { socket } from "../studio.svelte";
import { LATENTS, oneHot, POINTS, type Answer, type Ask } from "../socket";
import { fit, NEAREST, type View } from "../splat";
import { levelOf, trustColour } from "../trust";
import { Layer } from "./layer.svelte";

/** The part of the address that Explore has. */
export const shown = slice("", { x: 0, y: 0, label: 0, ellipses: true, gaps: "none", tool: "look", plane: "" });

/** What part of the map is seen, where that is not all of it: the middle, and pixels of a unit. */
export const seen = slice("v.", { x: 0, y: 0, s: 0 });
const LATTICE: View = { x: 0, y: 0, scale: 80 };

export class Explorer {
  points = $state.raw<PointMap | null>(null);
  flat = $state.raw<Plane | null>(null);
  answer = $state.raw<Answer | null>(null);
  view = $state<View>(LATTICE);
  trouble = $state("");
  /** why a map could not be shown */
  refused = $state("");
  private size = { width: 640, height: 480 };
  /** the view that shows the whole map */
  private fitted: View | null = null;
  private ends: Box | null = null;

  readonly layer: Layer;

  constructor(readonly model: Model) {
    this.layer = new Layer(model);
    this.look();
  }

  /** Shows the part of the map that the address names. */
  private look(): void {
    if (seen.s >= NEAREST[0] && seen.s <= NEAREST[1]) this.view = { x: seen.x, y: seen.y, scale: seen.s };
  }

  /** Names the part of the map that is seen in the address. */
  keepView({ x, y, scale }: View): void {
    if (this.model.has_map && !this.points) return; // the address may name one that is not shown yet
    const all = this.fitted ?? LATTICE;
    const whole = x === all.x && y === all.y && scale === all.scale;
    Object.assign(seen, whole ? { x: 0, y: 0, s: 0 } : { x, y, s: scale });
    toAddress();
  }

  get ring(): string {
    const level = levelOf(this.answer?.trust[0]);
    return level === null ? "var(--accent)" : trustColour(level, this.flat?.fidelity);
  }

  /** The name of the plane that a person chose; none: the map's own. */
  get plane(): string {
    return this.model.has_map && this.model.latent_dim > 2 ? shown.plane : "";
  }

  async load(): Promise<void> {
    if (!this.plane) this.decode();
    if (!this.model.has_map || (await this.show(this.plane)) || !this.plane) return;
    const sentence = this.refused;
    shown.plane = "";
    await this.show("");
    this.refused = sentence;
    this.decode();
  }

  /** Shows another plane, from its origin; of what is no plane there is a sentence, and the map stays. */
  async turn(name: string): Promise<void> {
    if (!(await this.show(name))) return;
    shown.x = shown.y = 0;
    toAddress();
    this.decode();
  }

  private async show(name: string): Promise<boolean> {
    const { id } = this.model;
    let first = false;
    try {
      const [points, flat] = await Promise.all([pointMap(id, 0, name), plane(id, 0, name)]);
      if (name !== this.plane) shown.plane = name;
      first = this.points === null;
      this.layer.clear();
      this.points = points;
      this.flat = flat;
      this.refused = "";
    } catch (error) {
      this.refused = (error as Error).message;
      return false;
    }
    this.whole();
    if (first) this.look();
    this.showGaps();
    if (name) this.decode();
    return true;
  }

  /** Places of the map as the decode socket takes them. */
  places(points: Float32Array): Pick<Ask, "kind" | "rows"> {
    return this.plane && this.flat ? { kind: LATENTS, rows: lift(this.flat, points) } : { kind: POINTS, rows: points };
  }

  resize(width: number, height: number): void {
    this.size = { width, height };
    const { view, fitted } = this;
    if (fitted && fitted.x === view.x && fitted.y === view.y && fitted.scale === view.scale) this.whole();
  }

  /** Whether a place of the map is on the screen. */
  sees(x: number, y: number): boolean {
    const { view, size } = this;
    return Math.abs(x - view.x) * view.scale <= size.width / 2 && Math.abs(y - view.y) * view.scale <= size.height / 2;
  }

  whole(): void {
    const { width, height } = this.size;
    this.view = this.points ? fit(this.points.points, width, height) : LATTICE;
    this.fitted = { ...this.view };
    const half = { x: (0.62 * width) / this.view.scale, y: (0.62 * height) / this.view.scale };
    const { x, y } = this.view;
    this.ends = { left: x - half.x, right: x + half.x, low: y - half.y, high: y + half.y };
  }

  showGaps(): void {
    toAddress();
    if (this.ends && this.model.gaps.includes(shown.gaps)) this.layer.show(shown.gaps, this.ends, this.plane);
    else this.layer.clear();
  }

  /** The class asked for, for n images; nothing for a model that is not asked. */
  weights(n: number): Float32Array | undefined {
    return this.model.decodes_label ? oneHot(shown.label, n, this.model.classes.length) : undefined;
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
    const places = this.places(Float32Array.of(shown.x, shown.y));
    const found = await socket.ask({ model: this.model.id, ...places, n: 1, labels: this.weights(1) });
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
    const label = model.decodes_label ? `, label=${JSON.stringify(model.classes[shown.label])}` : "";
    const plane = this.plane ? ", plane=plane" : "";
    const call = `image = atlas.decode_at(${pythonFloat(shown.x)}, ${pythonFloat(shown.y)}${label}${plane})`;
    return this.python([], [call]);
  }

  /** Python around calls: the model, its atlas, and the plane where it is not the map's own.
   *
   * @param imports what the calls need, each as `module import name` */
  python(imports: string[], calls: string[]): string {
    const { model } = this;
    const needed = ["studio.maps.atlas import Atlas", ...imports];
    if (this.plane) needed.push("studio.maps.anchors import plane_of");
    return [
      "import latentarium as la",
      ...needed.sort().map((one) => `from latentarium.${one}`),
      "",
      `model = ${model.model_code}`,
      `atlas = Atlas(model, ${model.data_code})`,
      ...(this.plane ? [`plane = plane_of(atlas, ${JSON.stringify(this.plane)})`] : []),
      ...calls,
    ].join("\n");
  }
}
