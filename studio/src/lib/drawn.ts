// Images that a model draws, as `sample` makes them, and what the server says of them.
import { get, type Model } from "./api";
import { trustOf, type Trust } from "./trust";

export interface Wish {
  n: number;
  seed: number;
  truncation: number;
  /** prior; gaussian: the class's own, in the latent space; turn: each class in turn */
  way: "prior" | "gaussian" | "turn";
  /** a class by name, a blend such as 3:0.6,8:0.4, or nothing */
  label: string;
}

export interface Opinion {
  /** class numbers; null where nothing was asked for */
  asked: number[] | null;
  /** null where no judge knows such images */
  judged: number[] | null;
  sure: number[] | null;
  trust: Trust[];
  /** the share of held-out images that are off the data by the same measures */
  usually_off: number;
  /** the share of them of which the judge is sure, by 90 % or more */
  usually_sure: number | null;
}

export interface Copies {
  /** of the nearest training image, on the map */
  number: number[];
  distance: number[];
  /** the share of held-out images that lie nearer to a training image */
  nearer: number[];
  held_out: number;
}

export interface Share {
  share: number;
  /** ends of its 95 % interval */
  low: number;
  high: number;
}

/** What becomes of many draws from the prior; null: can't be known. */
export interface Prior {
  n: number;
  seed: number;
  /** draws off the data */
  off: Share;
  /** draws of whose class the judge is sure */
  sure: Share | null;
  /** the same of held-out images, decoded from their latents; as they are where nothing encodes */
  usual: { off: Share; sure: Share | null };
  classes: number | null;
  /** of held-out codes from the prior, and what the prior scores against itself */
  distance: { value: number; low: number; high: number; floor: number; floor_high: number } | null;
}

/** The address of something that is made of drawn images. */
export function drawnAt(model: Model, what: string, wish: Wish): string {
  const given = Object.entries(wish).map(([key, value]): [string, string] => [key, String(value)]);
  return `/api/models/${model.id}/samples/${what}?${new URLSearchParams(given)}`;
}

/** What a file of drawn images is called: the model, what was asked for, and the seed. */
export function fileOf(model: Model, { label, way, seed, n }: Wish, ending: string): string {
  const asked = label ? [way === "gaussian" ? `gaussian-${label}` : label] : [];
  const parts = [model.name, ...asked, `seed${seed}`, `n${n}`];
  return `${parts.join("-").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${ending}`;
}

/** The images' pixels, row by row, channels last. */
export async function drawnPixels(model: Model, wish: Wish): Promise<Uint8Array[]> {
  const content = await (await get(drawnAt(model, "pixels", wish))).arrayBuffer();
  const size = content.byteLength / wish.n;
  return Array.from({ length: wish.n }, (_, i) => new Uint8Array(content, i * size, size));
}

export async function drawnLatents(model: Model, wish: Wish): Promise<Float32Array> {
  return new Float32Array(await (await get(drawnAt(model, "latents", wish))).arrayBuffer());
}

export async function opinionOf(model: Model, wish: Wish): Promise<Opinion> {
  const said: Omit<Opinion, "trust"> & { trust: (number | null)[][] } = await (await get(drawnAt(model, "opinion", wish))).json();
  return { ...said, trust: said.trust.map(trustOf) };
}

export const priorOf = async (model: Model, seed: number): Promise<Prior> =>
  (await get(`/api/models/${model.id}/samples/prior?seed=${seed}`)).json();

export const copiesOf = async (model: Model, wish: Wish): Promise<Copies> =>
  (await get(drawnAt(model, "copies", wish))).json();

/** A class as a person or a blend names it: by its number where its name would be misread. */
export const nameOf = (model: Model, index: number): string =>
  /^[^,:]+$/.test(model.classes[index]) ? model.classes[index] : String(index);

/** The side of an image as near to `wanted` CSS pixels as whole pixels allow. */
export function wholeSide(shape: [number, number, number], wanted: number): number {
  const longer = Math.max(shape[1], shape[2]);
  return wanted < longer ? Math.floor(wanted) : longer * Math.floor(wanted / longer);
}

/** A word as a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w.,:/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
