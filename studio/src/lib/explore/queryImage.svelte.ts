// An image supplied by the visitor: a drawing, a real image, or a file. It is sent only to the
// studio's server. Strokes are painted on top of a real image or file.
import { slice, updateAddress } from "../address.svelte";
import { paint, realImages, type Model } from "../api";
import { strings } from "../preferences.svelte";
import { pack, unpack } from "./addressImage";
import { centreLikeMnist, decodeStrokes, downsample, encodeStrokes, fineCanvas, paintStrokes, quantize, type Stroke } from "./strokes";

/** The pad's slice of the address; `image` is a file, as `pack` encodes it. */
export const padState = slice("pad.", { ink: "", real: -1, image: "", centre: true, brush: "#ffffff", paper: "#000000" });

const DEFAULT_FILE_NAME = "image";

export class QueryImage {
  strokes = $state.raw<Stroke[]>([]);
  /** the input of the model; null while the pad is empty */
  pixels = $state.raw<Uint8Array | null>(null);
  /** pixels of the real image or file under the strokes */
  background = $state.raw<Uint8Array | null>(null);
  fileName = $state("");
  errorMessage = $state("");
  tooLargeForAddress = $state(false);
  /** whether the model's images have the shape of MNIST digits */
  readonly looksLikeDigits: boolean;

  constructor(readonly model: Model) {
    const [channels, height, width] = model.image_shape;
    this.looksLikeDigits = channels === 1 && height === 28 && width === 28;
    this.strokes = decodeStrokes(padState.ink);
    if (padState.real >= 0 && padState.real < model.images) this.loadReal(padState.real, this.strokes);
    else if (padState.image) this.loadFromAddress(padState.image);
    else this.update();
  }

  private async loadFromAddress(text: string): Promise<void> {
    const pixels = await unpack(text, this.model.image_shape);
    if (padState.image !== text || padState.real >= 0) return; // replaced meanwhile
    if (pixels) {
      this.background = pixels;
      this.fileName = DEFAULT_FILE_NAME;
    } else this.errorMessage = strings().query.cannotRestore;
    this.update();
  }

  private async saveToAddress(pixels: Uint8Array): Promise<void> {
    const text = await pack(pixels, this.model.image_shape);
    if (this.background !== pixels) return;
    this.tooLargeForAddress = text === null;
    padState.image = text ?? "";
    updateAddress();
  }

  get empty(): boolean {
    return !this.strokes.length && !this.background;
  }

  /** Whether a drawing is scaled and centred as in MNIST. */
  get centres(): boolean {
    return padState.centre && this.looksLikeDigits && !this.background;
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
    this.errorMessage = padState.image = "";
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
    padState.image = "";
    try {
      const [pixels] = await realImages(id, [requested]);
      if (padState.real === requested && pixels.length === image_shape[0] * image_shape[1] * image_shape[2]) this.setBackground(pixels, "", strokes);
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** Load a picture file, scaled to cover the image and cropped to its centre. */
  async loadFile(file: Blob & { name?: string }, cannotRead: string): Promise<void> {
    const { image_shape } = this.model;
    try {
      const picture = await createImageBitmap(file);
      const context = fineCanvas(image_shape, "#000");
      const { width, height } = context.canvas;
      const scale = Math.max(width / picture.width, height / picture.height);
      const [scaledWidth, scaledHeight] = [scale * picture.width, scale * picture.height];
      context.imageSmoothingEnabled = scale < 1;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, (width - scaledWidth) / 2, (height - scaledHeight) / 2, scaledWidth, scaledHeight);
      picture.close();
      padState.real = -1;
      this.setBackground(downsample(context, image_shape), file.name || DEFAULT_FILE_NAME);
    } catch {
      this.errorMessage = cannotRead;
    }
  }

  /** Invert the background, for example of a photographed digit on white paper. */
  invert(): void {
    if (!this.background) return;
    padState.real = -1;
    this.setBackground(this.background.map((value) => 255 - value), this.fileName, this.strokes);
  }

  private setBackground(pixels: Uint8Array, fileName: string, strokes: Stroke[] = []): void {
    this.background = pixels;
    this.fileName = fileName;
    this.errorMessage = "";
    this.tooLargeForAddress = false;
    this.strokes = strokes;
    this.update();
    if (fileName) this.saveToAddress(pixels);
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
    padState.ink = encodeStrokes(this.strokes);
    updateAddress();
    if (this.empty) {
      this.pixels = null;
      return;
    }
    const context = fineCanvas(image_shape, padState.paper);
    this.paint(context);
    this.pixels = downsample(this.centres ? centreLikeMnist(context) : context, image_shape);
  }

  /** Whether the Python of `code` takes the image from the data set, not from a file. */
  get isReal(): boolean {
    return padState.real >= 0 && !this.strokes.length;
  }

  /** Python that loads the image into `image`, shape (1, C, H, W): imports, and a line that may use `latent_map`. */
  get code(): { imports: string[]; lines: string[] } {
    if (this.isReal) return { imports: [], lines: [`image = latent_map.image(${padState.real})[None]`] };
    const grey = this.model.image_shape[0] !== 3;
    const converted = grey ? `.convert("L"))[None, None]` : `.convert("RGB")).transpose(2, 0, 1)[None]`;
    return {
      imports: ["import numpy as np", "from PIL import Image"],
      lines: [`image = np.array(Image.open("image.png")${converted}`],
    };
  }

  /** Download the input of the model, which the Python of `code` opens. */
  save(): void {
    if (!this.pixels) return;
    const canvas = document.createElement("canvas");
    paint(canvas, this.pixels, this.model.image_shape);
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = "image.png";
    link.click();
  }
}
