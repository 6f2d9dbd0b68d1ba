// State of Explore for one model, shared by its map and its tools.
import { IMAGE_SETS, plane, pointMap, testImage, type Box, type ImageSet, type Model, type Plane, type PointMap } from "../api";
import { pythonFloat, slice, updateAddress } from "../address.svelte";
import { LANGUAGES } from "../locales";
import { unproject } from "../plane";
import { strings } from "../preferences.svelte";
import { socket } from "../studio.svelte";
import { LATENTS, oneHot, POINTS, type DecodeReply, type DecodeRequest } from "../socket";
import { fit, SCALE_LIMITS, type View } from "../splat";
import { saveImages } from "../samples";
import { levelColour, levelOf, shownGrade, type Grade } from "../scores";
import { GapLayer } from "./gapLayer.svelte";

/** Explore's slice of the address. */
export const exploreState = slice(
  "",
  { x: 0, y: 0, label: 0, ellipses: true, gaps: "none", tool: "look", plane: "", image: -1, images: "map" as ImageSet, hide: "", points: 1 },
  { gaps: Object.keys(LANGUAGES.en.explore.gapNames), tool: Object.keys(LANGUAGES.en.explore.tools), images: IMAGE_SETS },
);

/** Factors of the size of points and names. */
export const POINT_SIZES = [1, 2, 3];
/** Separates the numbers of hidden classes in the address. */
const SEPARATOR = ".";

/** The visible part of the map, unless the whole map is visible: centre, and pixels per unit. */
export const viewState = slice("v.", { x: 0, y: 0, s: 0 });
const LATTICE: View = { x: 0, y: 0, scale: 80 };

interface ImagePoint {
  x: number;
  y: number;
  /** number of its class; 255 or null without labels */
  label: number | null;
}

export class Explorer {
  points = $state.raw<PointMap | null>(null);
  plane = $state.raw<Plane | null>(null);
  answer = $state.raw<DecodeReply | null>(null);
  view = $state<View>(LATTICE);
  errorMessage = $state("");
  private testPoint = $state.raw<(ImagePoint & { number: number }) | null>(null);
  /** why the requested plane could not be shown */
  planeError = $state("");
  private size = { width: 640, height: 480 };
  /** the view that shows the whole map */
  private fitted: View | null = null;
  private gapBox: Box | null = null;

  readonly gapLayer: GapLayer;

  constructor(readonly model: Model) {
    this.gapLayer = new GapLayer(model);
    this.restoreView();
    if (!POINT_SIZES.includes(exploreState.points)) exploreState.points = 1;
    if (this.image === null) exploreState.image = -1;
    this.hide(this.hidden);
  }

  /** Numbers of the hidden classes. */
  get hidden(): Set<number> {
    const numbers = exploreState.hide.split(SEPARATOR).filter((text) => /^\d+$/.test(text)).map(Number);
    return new Set(numbers.filter((number) => number in this.model.classes));
  }

  private hide(labels: Iterable<number>): void {
    exploreState.hide = [...labels].sort((a, b) => a - b).join(SEPARATOR);
    updateAddress();
  }

  /** Hide a class, or show it again. */
  toggleClass(label: number): void {
    const { hidden } = this;
    if (!hidden.delete(label)) hidden.add(label);
    this.hide(hidden);
  }

  /** Show only one class. */
  showOnly(label: number): void {
    this.hide(this.model.classes.map((_, other) => other).filter((other) => other !== label));
  }

  showAllClasses(): void {
    this.hide([]);
  }

  /** Number of images that the selected one is chosen from. */
  get numImages(): number {
    return exploreState.images === "test" ? this.model.test_images : this.model.images;
  }

  /** Number of the selected image; null for none. */
  get image(): number | null {
    const { image } = exploreState;
    return this.model.has_map && Number.isInteger(image) && image >= 0 && image < this.numImages ? image : null;
  }

  /** Where the selected image is on the map, and its class; null for none, or before it is encoded. */
  get imagePoint(): ImagePoint | null {
    const { image, points, testPoint } = this;
    if (image === null || !points) return null;
    if (exploreState.images === "test") return testPoint?.number === image ? testPoint : null;
    return { x: points.points[2 * image], y: points.points[2 * image + 1], label: points.classes[image] };
  }

  /** The selected image as a mark on the map. */
  get marked(): { x: number; y: number; name: string } | null {
    const { imagePoint } = this;
    return imagePoint && { ...imagePoint, name: exploreState.images === "test" ? strings().explore.testNumber(this.image!) : `#${this.image}` };
  }

  /** Select an image by its number, and move the cursor to its latent; null selects none. */
  async selectImage(number: number | null, of: ImageSet = exploreState.images): Promise<void> {
    exploreState.images = of;
    exploreState.image = number ?? -1;
    updateAddress();
    if (of === "test") await this.encodeTestImage();
    if (!this.imagePoint || exploreState.image !== number || exploreState.images !== of) return;
    const { x, y } = this.imagePoint;
    if (!this.isVisible(x, y)) this.view = { ...this.view, x, y };
    this.moveCursor(x, y);
  }

  /** Find out where the selected test image is on the plane. */
  private async encodeTestImage(): Promise<void> {
    const { image: number, planeName } = this;
    this.testPoint = null;
    if (number === null || exploreState.images !== "test") return;
    try {
      const point = await testImage(this.model.id, number, planeName);
      if (this.image === number && this.planeName === planeName) this.testPoint = { ...point, number };
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** Show the part of the map that the address names. */
  private restoreView(): void {
    if (viewState.s >= SCALE_LIMITS[0] && viewState.s <= SCALE_LIMITS[1]) this.view = { x: viewState.x, y: viewState.y, scale: viewState.s };
  }

  /** Write the visible part of the map to the address. */
  saveView({ x, y, scale }: View): void {
    if (this.model.has_map && !this.points) return; // keep the view of the address until the map is loaded
    const fitted = this.fitted ?? LATTICE;
    const isFitted = x === fitted.x && y === fitted.y && scale === fitted.scale;
    Object.assign(viewState, isFitted ? { x: 0, y: 0, s: 0 } : { x, y, s: scale });
    updateAddress();
  }

  get ring(): string {
    const level = levelOf(this.answer?.scores[0]);
    return level === null ? "var(--accent)" : levelColour(level, this.plane?.fidelity);
  }

  /** Grade of the image at the cursor; undefined before its scores are known. */
  get grade(): Grade | undefined {
    const level = levelOf(this.answer?.scores[0]);
    return level === null ? undefined : shownGrade(level, this.plane?.fidelity);
  }

  /** Name of the selected plane; empty for the default plane of the map. */
  get planeName(): string {
    return this.model.has_map && this.model.latent_dim > 2 ? exploreState.plane : "";
  }

  /** Load the map; if the plane in the address is invalid, show the default plane and keep the error. */
  async load(): Promise<void> {
    if (!this.planeName) this.decode();
    if (!this.model.has_map || (await this.show(this.planeName)) || !this.planeName) return;
    const message = this.planeError;
    exploreState.plane = "";
    await this.show("");
    this.planeError = message;
    this.decode();
  }

  /** Show another plane with the cursor at its origin; if it is invalid, keep the current one and set
   * `planeError`. */
  async setPlane(name: string): Promise<void> {
    if (!(await this.show(name))) return;
    exploreState.x = exploreState.y = 0;
    updateAddress();
    this.decode();
  }

  private async show(name: string): Promise<boolean> {
    const { id } = this.model;
    let first = false;
    try {
      const [points, mapPlane] = await Promise.all([pointMap(id, 0, name), plane(id, 0, name)]);
      if (name !== this.planeName) exploreState.plane = name;
      first = this.points === null;
      this.gapLayer.clear();
      this.points = points;
      this.plane = mapPlane;
      this.planeError = "";
    } catch (error) {
      this.planeError = (error as Error).message;
      return false;
    }
    this.resetView();
    if (first) this.restoreView();
    this.encodeTestImage();
    this.showGaps();
    if (name) this.decode();
    return true;
  }

  /** Points of the map as rows for the decode socket. */
  rowsOf(points: Float32Array): Pick<DecodeRequest, "kind" | "rows"> {
    return this.planeName && this.plane ? { kind: LATENTS, rows: unproject(this.plane, points) } : { kind: POINTS, rows: points };
  }

  resize(width: number, height: number): void {
    this.size = { width, height };
    const { view, fitted } = this;
    if (fitted && fitted.x === view.x && fitted.y === view.y && fitted.scale === view.scale) this.resetView();
  }

  /** Whether a point of the map is visible. */
  isVisible(x: number, y: number): boolean {
    const { view, size } = this;
    return Math.abs(x - view.x) * view.scale <= size.width / 2 && Math.abs(y - view.y) * view.scale <= size.height / 2;
  }

  /** Show the whole map. */
  resetView(): void {
    const { width, height } = this.size;
    this.view = this.points ? fit(this.points.points, width, height) : LATTICE;
    this.fitted = { ...this.view };
    const half = { x: (0.62 * width) / this.view.scale, y: (0.62 * height) / this.view.scale };
    const { x, y } = this.view;
    this.gapBox = { left: x - half.x, right: x + half.x, low: y - half.y, high: y + half.y };
  }

  showGaps(): void {
    updateAddress();
    if (this.gapBox && this.model.gaps.includes(exploreState.gaps)) this.gapLayer.show(exploreState.gaps, this.gapBox, this.planeName);
    else this.gapLayer.clear();
  }

  /** One-hot labels of the selected class for n images; undefined for a model that takes no class. */
  labelWeights(n: number): Float32Array | undefined {
    return this.model.decodes_label ? oneHot(exploreState.label, n, this.model.classes.length) : undefined;
  }

  moveCursor(x: number, y: number): void {
    exploreState.x = x;
    exploreState.y = y;
    updateAddress();
    this.decode();
  }

  setClass(label: number): void {
    exploreState.label = label;
    updateAddress();
    this.decode();
  }

  /** Decode the image at the cursor. */
  async decode(): Promise<void> {
    const rows = this.rowsOf(Float32Array.of(exploreState.x, exploreState.y));
    const reply = await socket.decode({ model: this.model.id, ...rows, n: 1, labels: this.labelWeights(1) });
    if (!reply) return;
    if ("error" in reply) {
      this.errorMessage = reply.error;
      return;
    }
    this.errorMessage = "";
    this.answer = reply;
  }

  /** Python that reproduces the image at the cursor. */
  get code(): string {
    const { model } = this;
    const label = model.decodes_label ? `, label=${JSON.stringify(model.classes[exploreState.label])}` : "";
    const point = `${pythonFloat(exploreState.x)}, ${pythonFloat(exploreState.y)}`;
    return this.python([`image = latent_map.decode_at(${point}${label}${this.planeArgument})`, saveImages("image", "decoded.png")]);
  }

  /** The selected plane as a last Python argument; empty for the map's own plane. */
  get planeArgument(): string {
    return this.planeName ? `, plane=${JSON.stringify(this.planeName)}` : "";
  }

  /** Python that opens the latent map, followed by calls. */
  python(calls: string[]): string {
    const { model_code, data_code } = this.model;
    return [
      "import latentarium as la",
      "",
      `model = ${model_code}`,
      `latent_map = la.LatentMap(model, ${data_code})`,
      ...calls,
    ].join("\n");
  }
}
