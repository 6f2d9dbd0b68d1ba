import { again } from "./connection";
import { words } from "./face.svelte";

export interface Model {
  id: number;
  name: string;
  folder: string;
  kind: string;
  latent_dim: number;
  image_shape: [number, number, number];
  classes: string[];
  /** its decoder sees a class */
  decodes_label: boolean;
  /** its samples can be asked for a class */
  takes_label: boolean;
  has_map: boolean;
  images: number;
  /** those that it was trained on come first; the others it never saw */
  train_images: number;
  /** what its images are called, for people */
  data: string;
  /** Python that loads them */
  data_code: string;
  /** where they are now, for the command line; null: where the run found them */
  moved: string | null;
  /** Python that loads it */
  model_code: string;
  /** of the snapshot that is shown while its training has not ended; null: it has */
  step: number | null;
  /** steps of its training whose weights were kept */
  snapshots: number[];
  gaps: string[];
}

export interface Ellipse {
  x: number;
  y: number;
  major: number;
  minor: number;
  angle: number;
}

export interface Plane {
  variance_share: number;
  /** the share of what varies between held-out images that the model's reconstructions keep; null: unknown */
  fidelity: number | null;
  /** a latent, and two directions of length 1 */
  origin: number[];
  axes: [number[], number[]];
  /** the latents that it goes through; none: the plane of most variance, through the mean */
  anchors: number[][];
  /** half of the latents lie farther off it than this; and from their mean than `spread` */
  off: number;
  spread: number;
  /** by ring (1, 2 standard deviations), then by class */
  ellipses: Ellipse[][];
}

export interface PointMap {
  points: Float32Array;
  classes: Uint8Array;
}

/** Asks the server; what it refuses is an error with its sentence. */
export async function ask(path: string, given: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, given);
  if (!answer.ok) throw new Error((await answer.text()) || `${path}: ${answer.status}`);
  return answer;
}

/** The same; a server that is gone is waited for, unless something would be sent twice. */
export async function get(path: string, given: RequestInit = {}): Promise<Response> {
  for (;;) {
    try {
      return await ask(path, given);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it was refused, or is no longer wanted
      if ((given.method ?? "GET") !== "GET") throw new Error(words().lost);
      await again();
    }
  }
}

/** Sends JSON, and reads the answer. */
export async function post(path: string, content: unknown, given: RequestInit = {}): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return get(path, { method: "POST", body: JSON.stringify(content), headers, ...given });
}

/** A plane by its name, as i17_c3_i40; without: the map's own. */
export const plane = async (id: number, moment = 0, name = ""): Promise<Plane> =>
  (await get(`/api/models/${id}/plane?snapshot=${moment}&plane=${encodeURIComponent(name)}`)).json();

export async function pointMap(id: number, moment = 0, name = ""): Promise<PointMap> {
  const path = `/api/models/${id}/map?snapshot=${moment}&plane=${encodeURIComponent(name)}`;
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
  /** the share of held-out images that are less unusual; the topmost row first */
  values: Float32Array;
}

export interface GapPart {
  /** float32 as base64, from coarse to fine; none while it is learned what is usual */
  values: string;
  done: number;
  of: number;
}

/** A layer of gaps, part by part. */
export async function* gapParts(id: number, definition: string, box: Box, name: string, signal: AbortSignal): AsyncGenerator<GapPart> {
  const ends = new URLSearchParams(Object.entries(box).map(([end, value]) => [end, value.toFixed(3)]));
  ends.set("plane", name);
  yield* linesOf<GapPart>(await get(`/api/models/${id}/gaps/${definition}?${ends}`, { signal }));
}

/** JSON objects, one a line, each as it comes. */
export async function* linesOf<T>(answer: Response): AsyncGenerator<T> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop()!;
    for (const part of parts) yield JSON.parse(part) as T;
  }
}

/** Images on the map by their numbers, 256 at most: pixels row by row, channels last. */
export async function realImages(id: number, numbers: number[], moment = 0): Promise<Uint8Array[]> {
  const asked = numbers.map((number) => `number=${number}`).join("&");
  const content = await (await get(`/api/models/${id}/images?snapshot=${moment}&${asked}`)).arrayBuffer();
  const size = content.byteLength / numbers.length;
  return numbers.map((_, i) => new Uint8Array(content, i * size, size));
}

/** Pixels on a canvas of their own size; the page enlarges it without smoothing. */
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
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels >= 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
