export interface Model {
  id: number;
  name: string;
  folder: string;
  kind: string;
  latent_dim: number;
  image_shape: [number, number, number];
  classes: string[];
  asks_class: boolean;
  has_map: boolean;
  images: number;
  data: string;
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
  /** by ring (1, 2 standard deviations), then by class */
  ellipses: Ellipse[][];
}

export interface PointMap {
  points: Float32Array;
  classes: Uint8Array;
}

async function get(path: string): Promise<Response> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

export const models = async (): Promise<Model[]> => (await get("/api/models")).json();
export const plane = async (id: number): Promise<Plane> => (await get(`/api/models/${id}/plane`)).json();

export async function pointMap(id: number): Promise<PointMap> {
  const content = await (await get(`/api/models/${id}/map`)).arrayBuffer();
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

export async function gapGrid(id: number, definition: string, box: Box): Promise<GapGrid> {
  const ends = new URLSearchParams(Object.entries(box).map(([end, value]) => [end, value.toFixed(3)]));
  const content = await (await get(`/api/models/${id}/gaps/${definition}?${ends}`)).arrayBuffer();
  const cells = new DataView(content).getUint32(0, true);
  return { box, cells, values: new Float32Array(content, 4) };
}

export async function realImage(id: number, index: number): Promise<Uint8Array> {
  return new Uint8Array(await (await get(`/api/models/${id}/images/${index}`)).arrayBuffer());
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
