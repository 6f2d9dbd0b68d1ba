// An image supplied by the visitor: a drawing, a real image, or a file. It is sent only to the
// studio's server. Strokes are painted on top of a real image or file.
import { slice, updateAddress } from "../address.svelte";
import { paint, realImages, type Model } from "../api";
import { strings } from "../preferences.svelte";
import { Latest } from "../latest";
import { pack, statedShape, unpack } from "./addressImage";
import { formatSteps, NO_STEPS, parseSteps, prepare, readPicture, sourceChannels, sourceOf, STEPS, type Source, type Step, type Steps } from "./preparation";
import { decodeStrokes, downsample, encodeStrokes, fineCanvas, paintStrokes, quantize, type Stroke } from "./strokes";

/** The pad's slice of the address. As `pack` encodes them, `image` is a prepared file, and `source` the file
 * before its preparation. */
export const padState = slice("pad.", { ink: "", real: -1, image: "", source: "", steps: "", centre: true, brush: "#ffffff", paper: "#000000" });

const DEFAULT_FILE_NAME = "image";
/** Approximate length of the longer side of drawings that the server centres. */
const DRAWING_PIXELS = 112;

export class QueryImage {
  strokes = $state.raw<Stroke[]>([]);
  /** the input of the model; null while the pad is empty */
  pixels = $state.raw<Uint8Array | null>(null);
  /** pixels of the real image or file under the strokes */
  background = $state.raw<Uint8Array | null>(null);
  fileName = $state("");
  errorMessage = $state("");
  tooLargeForAddress = $state(false);
  /** the file before its preparation; null for a drawing or a real image */
  source = $state.raw<Source | null>(null);
  /** what was done to the file */
  steps = $state.raw<Steps>(NO_STEPS);
  private readonly latest = new Latest();
  /** incremented with each change of the drawing */
  private version = 0;

  constructor(readonly model: Model) {
    this.strokes = decodeStrokes(padState.ink);
    if (!this.isNumber(padState.real)) padState.real = -1;
    if (padState.real >= 0) this.loadReal(padState.real, this.strokes);
    else if (padState.image) this.loadFromAddress(padState.image);
    else this.update();
  }

  /** Whether there is a real image of this number. */
  isNumber(number: number): boolean {
    return Number.isInteger(number) && number >= 0 && number < this.model.images;
  }

  private async loadFromAddress(text: string): Promise<void> {
    const { source: sourceText, steps } = padState;
    const pixels = await unpack(text, this.model.image_shape);
    const source = pixels && (await this.unpackSource(sourceText, pixels));
    if (padState.image !== text || padState.real >= 0) return; // replaced meanwhile
    if (source) {
      this.background = pixels;
      this.source = source;
      this.steps = (sourceText && parseSteps(steps)) || NO_STEPS;
      this.fileName = DEFAULT_FILE_NAME;
    } else this.errorMessage = strings().query.cannotRestore;
    this.update();
  }

  /** Restore the file before its preparation. If the address doesn't contain it, as in links of earlier
   * versions, the prepared image takes its place. */
  private async unpackSource(text: string, prepared: Uint8Array): Promise<Source> {
    const shape = statedShape(text);
    const channels = sourceChannels(this.model);
    const pixels = shape && shape[0] === channels ? await unpack(text, shape) : null;
    if (shape && pixels) return { pixels, shape };
    padState.source = "";
    const [all, height, width] = this.model.image_shape;
    const kept = Uint8Array.from({ length: channels * height * width }, (_, i) => prepared[all * Math.floor(i / channels) + (i % channels)]);
    return { pixels: kept, shape: [channels, height, width] };
  }

  private async saveToAddress(pixels: Uint8Array, source: Source): Promise<void> {
    const [text, sourceText] = await Promise.all([pack(pixels, this.model.image_shape), pack(source.pixels, source.shape)]);
    if (this.background !== pixels) return;
    this.tooLargeForAddress = text === null;
    padState.image = text ?? "";
    padState.source = text === null ? "" : (sourceText ?? "");
    padState.steps = padState.source ? formatSteps(this.steps) : "";
    updateAddress();
  }

  get empty(): boolean {
    return !this.strokes.length && !this.background;
  }

  /** Whether a drawing is scaled, centred and inverted as the data are. */
  private get preparesDrawing(): boolean {
    return !this.background && this.model.background !== null;
  }

  /** The steps that make sense for these data. */
  get possibleSteps(): Step[] {
    return STEPS.filter((step) => (step === "clean" ? this.model.background !== null : step === "centre" ? this.model.centred_by !== null : true));
  }

  /** Start a stroke. */
  begin(x: number, y: number, erases: boolean): void {
    const colour = erases ? padState.paper : padState.brush;
    this.strokes = [...this.strokes, { colour, points: [quantize(x), quantize(y)] }];
    this.update();
  }

  /** Extend the last stroke. */
  extend(x: number, y: number): void {
    const last = this.strokes[this.strokes.length - 1];
    this.strokes = [...this.strokes.slice(0, -1), { ...last, points: [...last.points, quantize(x), quantize(y)] }];
    this.update();
  }

  undo(): void {
    this.strokes = this.strokes.slice(0, -1);
    this.update();
  }

  clear(): void {
    this.strokes = [];
    this.background = null;
    this.fileName = "";
    this.source = null;
    this.errorMessage = padState.image = padState.source = padState.steps = "";
    this.tooLargeForAddress = false;
    padState.real = -1;
    this.update();
  }

  /** Load a real image; without a number, a random held-out one. */
  async loadReal(number?: number, strokes: Stroke[] = []): Promise<void> {
    const { id, images, train_images, image_shape } = this.model;
    const first = train_images < images ? train_images : 0;
    const requested = number ?? first + Math.floor(Math.random() * (images - first));
    padState.real = requested;
    padState.image = padState.source = padState.steps = "";
    this.source = null;
    try {
      const [pixels] = await realImages(id, [requested]);
      if (padState.real === requested && pixels.length === image_shape[0] * image_shape[1] * image_shape[2]) this.setBackground(pixels, "", strokes);
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** Load a picture file, and prepare it. */
  async loadFile(file: Blob & { name?: string }, cannotRead: string): Promise<void> {
    let source: Source;
    try {
      source = await readPicture(file, this.model);
    } catch {
      this.errorMessage = cannotRead;
      return;
    }
    await this.prepareFile(source, {}, file.name || DEFAULT_FILE_NAME, []);
  }

  /** Do a step of the preparation, or undo it. */
  async toggleStep(step: Step): Promise<void> {
    if (this.source) await this.prepareFile(this.source, { ...this.steps, [step]: !this.steps[step] }, this.fileName, this.strokes);
  }

  private async prepareFile(source: Source, wanted: Partial<Steps>, fileName: string, strokes: Stroke[]): Promise<void> {
    try {
      const { pixels, steps } = await prepare(this.model, source, wanted);
      padState.real = -1;
      this.source = source;
      this.steps = steps;
      this.setBackground(pixels, fileName, strokes);
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  private setBackground(pixels: Uint8Array, fileName: string, strokes: Stroke[] = []): void {
    this.background = pixels;
    this.fileName = fileName;
    this.errorMessage = "";
    this.tooLargeForAddress = false;
    this.strokes = strokes;
    this.update();
    if (fileName && this.source) this.saveToAddress(pixels, this.source);
  }

  /** Paint background and strokes on a canvas. */
  paint(context: CanvasRenderingContext2D): void {
    const { width, height } = context.canvas;
    context.fillStyle = padState.paper;
    context.fillRect(0, 0, width, height);
    if (this.background) {
      const image = document.createElement("canvas");
      paint(image, this.background, this.model.image_shape);
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, width, height);
    }
    paintStrokes(context, this.strokes);
  }

  /** Recompute the input of the model, and write the strokes to the address. */
  update(): void {
    const { image_shape } = this.model;
    const version = ++this.version;
    padState.ink = encodeStrokes(this.strokes);
    updateAddress();
    if (this.empty) {
      this.pixels = null;
      return;
    }
    if (this.background && !this.strokes.length) {
      this.pixels = this.background; // all channels, of which pictures show some
      return;
    }
    if (this.preparesDrawing) {
      this.latest.run(() => this.prepareDrawing(version));
      return;
    }
    const context = fineCanvas(image_shape, padState.paper);
    this.paint(context);
    this.pixels = downsample(context, image_shape);
  }

  private async prepareDrawing(version: number): Promise<void> {
    const context = fineCanvas(this.model.image_shape, padState.paper, DRAWING_PIXELS);
    this.paint(context);
    try {
      const { pixels } = await prepare(this.model, sourceOf(context, sourceChannels(this.model)), { clean: false, centre: padState.centre });
      if (version !== this.version) return;
      this.pixels = pixels;
      this.errorMessage = "";
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** Whether the Python of `code` takes the image from the data set, not from a file. */
  get isReal(): boolean {
    return padState.real >= 0 && !this.strokes.length;
  }

  /** Whether image.png is the file before its preparation; otherwise it is the input of the model. */
  private get savesSource(): boolean {
    return this.source !== null && !this.strokes.length;
  }

  /** Python that loads the image into `image`, shape (1, C, H, W), with `latent_map`. */
  get code(): string[] {
    if (this.isReal) return [`image = latent_map.image(${padState.real})[None]`];
    const steps = this.savesSource ? this.steps : NO_STEPS;
    const choices = STEPS.map((step) => `${step}=${steps[step] ? "True" : "False"}`).join(", ");
    return [`prepared = latent_map.prepare_image("image.png", ${choices})`, "image = prepared.image"];
  }

  /** Download image.png, which the Python of `code` opens. */
  save(): void {
    if (!this.pixels) return;
    const canvas = document.createElement("canvas");
    if (this.savesSource && this.source) paint(canvas, this.source.pixels, this.source.shape);
    else paint(canvas, this.pixels, this.model.image_shape);
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = "image.png";
    link.click();
  }
}
