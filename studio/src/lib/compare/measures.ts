// What was measured of the models on show, as the server's table says it.
import { get, post } from "../api";

export interface Cell {
  value: string;
  interval: string;
  floor: string;
  n: number | null;
  detail: string;
  note: string;
  extractor: string;
  best: boolean;
}

export interface Row {
  key: string;
  name: string;
  better: "more" | "less" | "";
  /** in what the numbers were measured differently; empty where they compare */
  unlike: string;
  protocol: string;
  /** one for each measured model */
  cells: (Cell | null)[];
}

export interface Column {
  model: number;
  /** why it has no numbers; empty where it has */
  reason: string;
  can_be_measured: boolean;
}

export interface Table {
  columns: Column[];
  /** the models that the cells of a row are of */
  measured: number[];
  /** why the whole can't be compared; empty where it can */
  refusal: string;
  rows: Row[];
}

export interface Measuring {
  /** that is measured, or was last */
  model: number | null;
  running: boolean;
  /** models that are measured after it, and how many were before it */
  waiting: number[];
  finished: number;
  seconds: number;
  done: number;
  of: number;
  left: string;
  /** what went wrong, by model */
  troubles: Record<number, string>;
}

export const tableOf = async (models: number[]): Promise<Table> =>
  (await get(`/api/comparison?${models.map((id) => `model=${id}`).join("&")}`)).json();
export const measuringNow = async (): Promise<Measuring> => (await get("/api/measuring")).json();
export const measure = async (model: number): Promise<Measuring> => (await post(`/api/models/${model}/measuring`, {})).json();
/** Measures no more than what is at work. */
export const leaveWaiting = async (): Promise<Measuring> => (await get("/api/measuring", { method: "DELETE" })).json();

const FIRST = /^(frechet|precision|recall|coverage|gan_test|mse|nll|gaps|near_copies|game\.gap\..*)$/;
/** What most people ask first. */
export const isFirst = (row: Row): boolean => FIRST.test(row.key);
