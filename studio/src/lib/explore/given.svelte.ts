// An image that a visitor gives: drawn, a real one, or a file, which never leaves the browser
// except for the studio's own server. Strokes go over whatever lies beneath.
import { slice, toAddress } from "../address.svelte";
import { paint, realImages, type Model } from "../api";
import { words } from "../face.svelte";
import { pack, unpack } from "./packed";
import { averaged, centred, ink, read, sayable, sheet, write, type Stroke } from "./ink";

/** What the address knows; `image`: what a file is to the model, as of `pack`. */
export const given = slice("pad.", { ink: "", real: -1, image: "", centre: true, brush: "#ffffff", paper: "#000000" });

/** What a file without a name is called. */
const FILE = "image";

export class Given {
  strokes = $state.raw<Stroke[]>([]);
  /** as the model sees it; null while there is nothing */
  pixels = $state.raw<Uint8Array | null>(null);
  /** what lies beneath the strokes: pixels of a real image or of a file */
  beneath = $state.raw<Uint8Array | null>(null);
  file = $state("");
  trouble = $state("");
  /** whether the image is too large for the address */
  unkept = $state(false);
  /** grey, 28 pixels square */
  readonly looksLikeDigits: boolean;

  constructor(readonly model: Model) {
    const [channels, height, width] = model.image_shape;
    this.looksLikeDigits = channels === 1 && height === 28 && width === 28;
    this.strokes = read(given.ink);
    if (given.real >= 0 && given.real < model.images) this.real(given.real, this.strokes);
    else if (given.image) this.restore(given.image);
    else this.settle();
  }

  /** Puts the image of the address there. */
  private async restore(text: string): Promise<void> {
    const pixels = await unpack(text, this.model.image_shape);
    if (given.image !== text || given.real >= 0) return; // something else was put there meanwhile
    if (pixels) {
      this.beneath = pixels;
      this.file = FILE;
    } else this.trouble = words().given.cannotRestore;
    this.settle();
  }

  /** Puts the image into the address. */
  private async keep(pixels: Uint8Array): Promise<void> {
    const text = await pack(pixels, this.model.image_shape);
    if (this.beneath !== pixels) return;
    this.unkept = text === null;
    given.image = text ?? "";
    toAddress();
  }

  get empty(): boolean {
    return !this.strokes.length && !this.beneath;
  }

  /** Whether what is drawn is moved to the middle, as the digits of MNIST were. */
  get centres(): boolean {
    return given.centre && this.looksLikeDigits && !this.beneath;
  }

  begin(x: number, y: number, erases: boolean): void {
    const colour = erases ? given.paper : given.brush;
    this.strokes = [...this.strokes, { colour, points: [sayable(x), sayable(y)] }];
    this.settle();
  }

  extend(x: number, y: number): void {
    const last = this.strokes[this.strokes.length - 1];
    this.strokes = [...this.strokes.slice(0, -1), { ...last, points: [...last.points, sayable(x), sayable(y)] }];
    this.settle();
  }

  undo(): void {
    this.strokes = this.strokes.slice(0, -1);
    this.settle();
  }

  clear(): void {
    this.strokes = [];
    this.beneath = null;
    this.file = "";
    this.trouble = given.image = "";
    this.unkept = false;
    given.real = -1;
    this.settle();
  }

  /** Puts a real image there; none said: one that the model never saw. */
  async real(number?: number, strokes: Stroke[] = []): Promise<void> {
    const { id, images, train_images: seen, image_shape } = this.model;
    const first = seen < images ? seen : 0;
    const wanted = number ?? first + Math.floor(Math.random() * (images - first));
    given.real = wanted;
    given.image = "";
    try {
      const [pixels] = await realImages(id, [wanted]);
      if (given.real === wanted && pixels.length === image_shape[0] * image_shape[1] * image_shape[2]) this.put(pixels, "", strokes);
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** Puts a picture there: its middle, as large as fits. */
  async take(file: Blob & { name?: string }, cannot: string): Promise<void> {
    const { image_shape } = this.model;
    try {
      const picture = await createImageBitmap(file);
      const context = sheet(image_shape, "#000");
      const { width, height } = context.canvas;
      const scale = Math.max(width / picture.width, height / picture.height);
      const [wide, tall] = [scale * picture.width, scale * picture.height];
      context.imageSmoothingEnabled = scale < 1;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, (width - wide) / 2, (height - tall) / 2, wide, tall);
      picture.close();
      given.real = -1;
      this.put(averaged(context, image_shape), file.name || FILE);
    } catch {
      this.trouble = cannot;
    }
  }

  /** Dark for bright, as a digit on white paper needs it. */
  negative(): void {
    if (!this.beneath) return;
    given.real = -1;
    this.put(this.beneath.map((value) => 255 - value), this.file, this.strokes);
  }

  private put(pixels: Uint8Array, file: string, strokes: Stroke[] = []): void {
    this.beneath = pixels;
    this.file = file;
    this.trouble = "";
    this.unkept = false;
    this.strokes = strokes;
    this.settle();
    if (file) this.keep(pixels);
  }

  /** Paints it on a canvas: what is beneath in squares, the strokes as they were made. */
  show(context: CanvasRenderingContext2D): void {
    const { width, height } = context.canvas;
    context.fillStyle = given.paper;
    context.fillRect(0, 0, width, height);
    if (this.beneath) {
      const image = document.createElement("canvas");
      paint(image, this.beneath, this.model.image_shape);
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, width, height);
    }
    ink(context, this.strokes);
  }

  /** Computes what the model sees, and writes what can be written into the address. */
  settle(): void {
    const { image_shape } = this.model;
    given.ink = write(this.strokes);
    toAddress();
    if (this.empty) {
      this.pixels = null;
      return;
    }
    const context = sheet(image_shape, given.paper);
    this.show(context);
    this.pixels = averaged(this.centres ? centred(context) : context, image_shape);
  }

  /** Python that has the image in `image`, (1, C, H, W): what it needs before, and how it comes. */
  get code(): { imports: string[]; lines: string[] } {
    if (given.real >= 0 && !this.strokes.length) {
      return {
        imports: ["from latentarium.studio.maps.atlas import Atlas"],
        lines: [
          `atlas = Atlas(model, ${this.model.data_code})`,
          `image = atlas.image(${given.real})[None]`,
        ],
      };
    }
    const grey = this.model.image_shape[0] !== 3;
    const shaped = grey ? `.convert("L"))[None, None]` : `.convert("RGB")).transpose(2, 0, 1)[None]`;
    return {
      imports: ["import numpy as np", "import torch", "from PIL import Image"],
      lines: [`image = torch.from_numpy(np.array(Image.open("image.png")${shaped})`],
    };
  }

  /** Saves the image as the model sees it. */
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
