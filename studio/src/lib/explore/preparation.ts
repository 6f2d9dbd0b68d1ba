// Pictures of any size, and their preparation on the server: fitted, inverted, cleaned and centred as the
// images of the data are. Python does the same with `LatentMap.prepare_image`.
import { post, type Model } from "../api";
import { decodeBase64, encodeBase64 } from "../base64";
import { greyOf } from "./strokes";

export const STEPS = ["fit", "invert", "clean", "centre"] as const;
export type Step = (typeof STEPS)[number];
export type Steps = Record<Step, boolean>;

/** A picture of one or three channels: row by row, channels last. */
export interface Source {
  pixels: Uint8Array;
  /** channels, height, width */
  shape: [number, number, number];
}

/** Longer side of a picture in pixels; larger ones are scaled down, so that they fit into the address. */
const LONGER_SIDE = 96;
/** How much larger than the model's images a picture may be. */
const FACTOR = 2;
export const NO_STEPS: Steps = { fit: true, invert: false, clean: false, centre: false };

/** Channels of the pictures for a model: colours are kept only if its images have three channels. */
export const sourceChannels = (model: Model): number => (model.image_shape[0] === 3 ? 3 : 1);

/** Read a picture file; transparent parts are white. */
export async function readPicture(file: Blob, model: Model): Promise<Source> {
  const picture = await createImageBitmap(file);
  const [, height, width] = model.image_shape;
  const limit = Math.max(LONGER_SIDE, FACTOR * Math.max(height, width));
  const scale = Math.min(1, limit / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * picture.width));
  canvas.height = Math.max(1, Math.round(scale * picture.height));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return sourceOf(context, sourceChannels(model));
}

/** The pixels of a canvas. */
export function sourceOf(context: CanvasRenderingContext2D, channels: number): Source {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(channels * width * height);
  for (let i = 0; i < width * height; i++) {
    if (channels === 3) pixels.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
    else pixels[i] = greyOf(data[4 * i], data[4 * i + 1], data[4 * i + 2]);
  }
  return { pixels, shape: [channels, height, width] };
}

/** Prepare a picture; steps that are left out are decided by a comparison with the data. */
export async function prepare(model: Model, { pixels, shape }: Source, steps: Partial<Steps>): Promise<{ pixels: Uint8Array; steps: Steps }> {
  const [channels, height, width] = shape;
  const content = { pixels: encodeBase64(pixels), channels, height, width, ...steps };
  const reply: Steps & { pixels: string } = await (await post(`api/models/${model.id}/prepare`, content)).json();
  const { fit, invert, clean, centre } = reply;
  return { pixels: decodeBase64(reply.pixels), steps: { fit, invert, clean, centre } };
}

/** The steps as text for the address. */
export const formatSteps = (steps: Steps): string => STEPS.filter((step) => steps[step]).join(".") || "none";

/** Parse steps from the address; null if there are none. */
export function parseSteps(text: string): Steps | null {
  const names = text.split(".");
  if (!text || !names.every((name) => name === "none" || (STEPS as readonly string[]).includes(name))) return null;
  const steps = { ...NO_STEPS, fit: false };
  for (const step of STEPS) steps[step] = names.includes(step);
  return steps;
}
