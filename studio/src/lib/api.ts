import { waitForServer } from "./connection";
import { strings } from "./preferences.svelte";
import { rememberError, type ServerError } from "./serverText.svelte";

export interface Model {
  id: number;
  name: string;
  folder: string;
  kind: string;
  latent_dim: number;
  image_shape: [number, number, number];
  classes: string[];
  /** whether the decoder takes a class */
  decodes_label: boolean;
  /** the folder without the kind of a fitted prior */
  run: string;
  /** whether samples can be conditioned on a class */
  takes_label: boolean;
  /** The kind of a prior that was fitted after the training; null for the trained prior. */
  fitted_prior: string | null;
  /** whether a prior can be fitted to its latents */
  can_fit_prior: boolean;
  /** the kinds of the priors that were fitted to its run */
  fitted_priors: string[];
  has_map: boolean;
  images: number;
  /** number of training images, which come first among `images`; the rest are held-out images */
  train_images: number;
  test_images: number;
  /** display name of the data set */
  data: string;
  /** value of each channel of the images' uniform background; null if they have none */
  background: number[] | null;
  /** difference between the brightest and the darkest value that nearly all images exceed; 0: unknown */
  contrast: number;
  /** what is always at the same place in the images: the subject's centre of mass, or its bounding box; null: neither */
  centred_by: "mass" | "box" | null;
  /** Python that loads the data */
  data_code: string;
  /** current path of the data, for the command line; null: unchanged since training */
  moved: string | null;
  /** Python that loads the model */
  model_code: string;
  /** step of the snapshot that is shown while the model is still training; null: training has ended */
  step: number | null;
  /** training steps with a snapshot */
  snapshots: number[];
  gaps: string[];
  /** progress of the training of the network that scores need; null: scores are available */
  learning: { done: number; total: number; seconds_left: number | null } | null;
}

/** What a map needs to know about a model. */
export type MapModel = Pick<Model, "id" | "classes" | "has_map" | "decodes_label" | "image_shape">;

export interface Ellipse {
  x: number;
  y: number;
  major: number;
  minor: number;
  angle: number;
}

export interface Plane {
  variance_share: number;
  /** share of the variance of held-out images that their reconstructions keep; null: unknown */
  fidelity: number | null;
  /** a latent, and two unit vectors */
  origin: number[];
  axes: [number[], number[]];
  /** latents on the plane; empty for the principal plane through the mean */
  anchors: number[][];
  /** median distance of the latents from the plane, and from their mean */
  off: number;
  spread: number;
  /** by ring (1, 2 standard deviations), then by class */
  ellipses: Ellipse[][];
}

export interface PointMap {
  points: Float32Array;
  classes: Uint8Array;
}

/** Send a request once; throw the server's message unless it succeeds. */
export async function fetchOnce(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, init);
  if (!response.ok) throw new Error(errorMessage(await response.text()) || `${path}: ${response.status}`);
  return response;
}

/** The message in the body of a refused request: JSON, or text that a proxy has sent. */
export function errorMessage(body: string): string {
  try {
    return rememberError(JSON.parse(body) as ServerError);
  } catch {
    return body;
  }
}

/** Send a request; after a lost connection, wait for the server and repeat it if it is a GET. */
export async function get(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    try {
      return await fetchOnce(path, init);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // refused or aborted
      if ((init.method ?? "GET") !== "GET") throw new Error(strings().connectionLost);
      await waitForServer();
    }
  }
}

/** POST a value as JSON. */
export async function post(path: string, content: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return get(path, { method: "POST", body: JSON.stringify(content), headers, ...init });
}

/** Fetch a plane by its name, such as i17_c3_i40; without a name, that of the map.
 *
 * @param snapshot number of a training snapshot, from 1; 0: the finished model */
export const plane = async (id: number, snapshot = 0, name = ""): Promise<Plane> =>
  (await get(`api/models/${id}/plane?snapshot=${snapshot}&plane=${encodeURIComponent(name)}`)).json();

/** Fetch the encoded images in coordinates of a plane, which is named as for `plane`. */
export async function pointMap(id: number, snapshot = 0, name = ""): Promise<PointMap> {
  const path = `api/models/${id}/map?snapshot=${snapshot}&plane=${encodeURIComponent(name)}`;
  const content = await (await get(path)).arrayBuffer();
  const n = new DataView(content).getUint32(0, true);
  return { points: new Float32Array(content, 4, 2 * n), classes: new Uint8Array(content, 4 + 8 * n, n) };
}

export interface Box {
  left: number;
  right: number;
  low: number;
  high: number;
}

export interface GapGrid {
  box: Box;
  cells: number;
  /** share of held-out images that are less unusual; top row first */
  values: Float32Array;
}

export interface GapGridPart {
  /** float32 as base64, from coarse to fine; empty during calibration */
  values: string;
  done: number;
  of: number;
}

/** Compute a layer of latent gaps, and yield its parts as they arrive. */
export async function* gapGridParts(id: number, definition: string, box: Box, name: string, signal: AbortSignal): AsyncGenerator<GapGridPart> {
  const ends = new URLSearchParams(Object.entries(box).map(([end, value]) => [end, value.toFixed(3)]));
  ends.set("plane", name);
  yield* jsonLines<GapGridPart>(await get(`api/models/${id}/gaps/${definition}?${ends}`, { signal }));
}

/** Parse a response of JSON lines, and yield each value as it arrives. */
export async function* jsonLines<T>(response: Response): AsyncGenerator<T> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let incomplete = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (incomplete + value).split("\n");
    incomplete = lines.pop()!;
    for (const line of lines) {
      const content = JSON.parse(line) as T;
      if (typeof content === "object" && content && "error" in content) rememberError(content as ServerError);
      yield content;
    }
  }
}

/** The images on the map, which are the training images and after them the validation images; or the test images. */
export const IMAGE_SETS = ["map", "test"] as const;
export type ImageSet = (typeof IMAGE_SETS)[number];

/** Fetch at most 256 images by their numbers: pixels row by row, channels last. */
export async function realImages(id: number, numbers: number[], snapshot = 0, of: ImageSet = "map"): Promise<Uint8Array[]> {
  const query = numbers.map((number) => `number=${number}`).join("&");
  const content = await (await get(`api/models/${id}/images?of=${of}&snapshot=${snapshot}&${query}`)).arrayBuffer();
  const size = content.byteLength / numbers.length;
  return numbers.map((_, i) => new Uint8Array(content, i * size, size));
}

/** Where a test image is on a plane, which is named as for `plane`, and its class. */
export const testImage = async (id: number, number: number, name = ""): Promise<{ x: number; y: number; label: number | null }> =>
  (await get(`api/models/${id}/test-images/${number}?plane=${encodeURIComponent(name)}`)).json();

/** Number of channels that pictures show: of one or two the first, in grey; of three or more the first three, as red,
 * green and blue. Python has the same rule, in `num_visible`. */
export const numVisible = (channels: number): number => (channels >= 3 ? 3 : 1);

/** Draw pixels on a canvas with one canvas pixel each; CSS enlarges the canvas without smoothing. */
export function paint(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  [channels, height, width]: [number, number, number],
): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (numVisible(channels) === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
