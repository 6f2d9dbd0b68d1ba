// The evaluation results of the open models, as the server formats them.
import { get, post } from "../api";
import type { Message } from "../messages";
import type { ServerText } from "../serverText.svelte";

export interface Cell {
  value: string;
  interval: string;
  /** the value that real images get */
  reference: string;
  n: number | null;
  detail: string;
  note: string;
  extractor: string;
  best: boolean;
}

/** Why a quantity was not measured: a code with values, and the English text. */
export interface Reason extends Message {
  text: string;
}

export interface Row {
  key: string;
  name: string;
  /** which direction is better; "reference": values near the reference */
  better: "more" | "less" | "reference" | "neither" | "";
  /** how the protocols of the numbers differ; empty if they are comparable */
  unlike: string;
  unit: string;
  protocol: string;
  /** the real images that samples are compared with */
  split: string;
  /** one for each evaluated model */
  cells: (Cell | null)[];
  /** for each evaluated model, why it lacks the measurement; null if it has it or it doesn't apply */
  reasons: (Reason | null)[];
}

export interface Column {
  model: number;
  /** why the model has no results; empty if it has some */
  reason: string;
  reason_text: ServerText;
  can_be_measured: boolean;
}

export interface Table {
  columns: Column[];
  /** the models that the cells of a row belong to */
  measured: number[];
  /** why the models can't be compared at all; empty if they can */
  refusal: string;
  rows: Row[];
}

export interface Measuring {
  /** the model that is evaluated, or was evaluated last */
  model: number | null;
  running: boolean;
  /** models that are queued */
  waiting: number[];
  /** number of models that were evaluated before */
  finished: number;
  seconds: number;
  done: number;
  of: number;
  /** name of the part that is running */
  part: string;
  /** estimated remaining seconds; null if unknown */
  left: number | null;
  /** seconds that an evaluation usually takes here */
  usual: number;
  /** error messages, by model */
  failures: Record<number, ServerText>;
}

export const tableOf = async (models: number[]): Promise<Table> =>
  (await get(`api/comparison?${models.map((id) => `model=${id}`).join("&")}`)).json();
export const measuringNow = async (): Promise<Measuring> => (await get("api/measuring")).json();
export const measure = async (model: number): Promise<Measuring> => (await post(`api/models/${model}/measuring`, {})).json();
/** Finish the running evaluation and cancel the queued ones. */
export const cancelQueue = async (): Promise<Measuring> => (await get("api/measuring", { method: "DELETE" })).json();

/** Stop the running evaluation and cancel the queued ones. */
export const stopMeasuring = async (): Promise<Measuring> => (await post("api/measuring/stop", {})).json();

const MAIN_MEASURES = /^(frechet|precision|recall|coverage|gan_test|mse|nll|gaps|near_copies|game\.gap\..*)$/;
/** Whether a row is shown before all measures are requested. */
export const isMain = (row: Row): boolean => MAIN_MEASURES.test(row.key);
