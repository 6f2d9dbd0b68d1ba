// Samples of a model, as `latentarium sample` generates them, and how the server rates them.
import { get, type Model } from "./api";
import { parseScores, type Scores } from "./scores";

export interface SampleRequest {
  n: number;
  seed: number;
  truncation: number;
  /** source of the latents: the prior, a class's Gaussian, or the prior with each class in turn */
  method: "prior" | "gaussian" | "each-class";
  /** a class name, a blend such as 3:0.6,8:0.4, or empty */
  label: string;
}

/** The evaluation classifier's assessment of samples, and how unusual they are. */
export interface Assessment {
  /** class numbers; null for a model that takes no class */
  requested: number[] | null;
  /** null where no classifier was trained on such images */
  predicted: number[] | null;
  /** the classifier's confidence */
  confidence: number[] | null;
  scores: Scores[];
  /** share of held-out images that the same measures flag */
  held_out_off_data: number;
  /** share of held-out images that the classifier recognizes with 90 % confidence or more */
  held_out_confident: number | null;
}

/** Training images nearest to samples. */
export interface NearestTraining {
  /** numbers of images on the map */
  number: number[];
  distance: number[];
  /** share of held-out images that are closer to a training image */
  nearer: number[];
  held_out: number;
}

export interface Share {
  share: number;
  /** ends of the 95 % interval of the share */
  low: number;
  high: number;
}

/** Statistics of many samples from the prior; null for a statistic that can't be computed. */
export interface PriorSummary {
  n: number;
  seed: number;
  /** samples that are unusual by at least one measure */
  off_data: Share | null;
  /** samples that the classifier recognizes with confidence */
  confident: Share | null;
  /** reference: the same shares of reconstructed held-out images, or of held-out images if the model has no
   * encoder */
  held_out: { off_data: Share | null; confident: Share | null };
  classes: number | null;
  /** distance of held-out latents from the prior, and between two sets of samples from the prior */
  distance: { value: number; low: number; high: number; reference: number; reference_high: number } | null;
}

/** Address of a resource that the server derives from samples. */
export function samplesUrl(model: Model, resource: string, request: SampleRequest): string {
  const parameters = Object.entries(request).map(([key, value]): [string, string] => [key, String(value)]);
  return `api/models/${model.id}/samples/${resource}?${new URLSearchParams(parameters)}`;
}

/** Name a file of samples after the model, the requested class, and the seed. */
export function sampleFileName(model: Model, { label, method, seed, n }: SampleRequest, extension: string): string {
  const condition = label ? [method === "gaussian" ? `gaussian-${label}` : label] : [];
  const parts = [model.name, ...condition, `seed${seed}`, `n${n}`];
  return `${parts.join("-").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${extension}`;
}

/** Fetch the pixels of each sample, row by row, channels last. */
export async function samplePixels(model: Model, request: SampleRequest): Promise<Uint8Array[]> {
  const content = await (await get(samplesUrl(model, "pixels", request))).arrayBuffer();
  const size = content.byteLength / request.n;
  return Array.from({ length: request.n }, (_, i) => new Uint8Array(content, i * size, size));
}

export async function sampleLatents(model: Model, request: SampleRequest): Promise<Float32Array> {
  return new Float32Array(await (await get(samplesUrl(model, "latents", request))).arrayBuffer());
}

export async function assess(model: Model, request: SampleRequest): Promise<Assessment> {
  const content: Omit<Assessment, "scores"> & { scores: (number | null)[][] } =
    await (await get(samplesUrl(model, "assessment", request))).json();
  return { ...content, scores: content.scores.map(parseScores) };
}

export const summarizePrior = async (model: Model, seed: number): Promise<PriorSummary> =>
  (await get(`api/models/${model.id}/samples/prior?seed=${seed}`)).json();

export const nearestTraining = async (model: Model, request: SampleRequest): Promise<NearestTraining> =>
  (await get(samplesUrl(model, "copies", request))).json();

/** A class as the command line, Python and requests name it. */
export const classArgument = (model: Model, index: number): string => model.classes[index];

/** The number of a class, given by its name or its number, as on the command line; -1 if there is none.
 * If the name of any class is an integer, integers are names. */
export function classNumber(classes: string[], text: string): number {
  const integer = (word: string): number => (/^[+-]?\d+$/.test(word) ? Number(word) : NaN);
  if (classes.includes(text)) return classes.indexOf(text);
  const wanted = integer(text.trim());
  const names = classes.map(integer);
  if (names.some((name) => !Number.isNaN(name))) return names.indexOf(wanted);
  return wanted in classes ? wanted : -1;
}

/** Side of a displayed image: the largest whole multiple of its own pixels up to `limit`. */
export function integerSide(shape: [number, number, number], limit: number): number {
  const longer = Math.max(shape[1], shape[2]);
  return limit < longer ? Math.floor(limit) : longer * Math.floor(limit / longer);
}

/** Number of columns of a grid of images: fewer than preferred where the images would not be enlarged otherwise.
 *
 * @param frame pixels around an image
 * @param least smallest number of columns */
export function gridColumns(shape: [number, number, number], width: number, frame: number, preferred: number, least: number): number {
  const doubled = Math.floor(width / (2 * Math.max(shape[1], shape[2]) + frame));
  return doubled < preferred && doubled >= least ? doubled : preferred;
}

/** Return the largest number of columns with complete rows of all images, at least half of the given number; the given one if there is none. */
export function withCompleteRows(columns: number, count: number): number {
  for (let fewer = columns; 2 * fewer >= columns; fewer--) if (count % fewer === 0) return fewer;
  return columns;
}

/** Width of the mark on the ring of an image of this side, in pixels. */
export const markSize = (side: number): number => (side < 40 ? 11 : 16);

/** Python that saves images as a picture; channels are shown as on the page. */
export const saveImages = (variable: string, file: string): string => `la.save_images(${variable}, "${file}")`;

/** Quote a word for a shell where it needs quotes. */
export const shellQuote = (text: string): string =>
  /^[\w.,:/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
