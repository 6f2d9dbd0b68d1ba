// What the server says of trainings, and what it is asked to do with them.
import { get, post } from "../api";

export type RunState = "waiting" | "training" | "paused" | "stopped" | "done" | "failed";

export interface RunInfo {
  id: string;
  name: string;
  folder: string;
  preset: string;
  /** for people, such as "conditional GAN" */
  kind: string;
  /** several players with opposing losses */
  adversarial: boolean;
  has_encoder: boolean;
  /** of a game; null for an autoencoder */
  loss: "relativistic" | "non_saturating" | "hinge" | null;
  /** each player's adversarial loss where nothing can be told apart, where that has a value */
  equilibrium: Record<string, number> | null;
  state: RunState;
  step: number;
  steps: number;
  seconds: number;
  seconds_left: number | null;
  data: string;
  seed: number;
  /** its number among the models on show */
  model: number | null;
  has_weights: boolean;
  /** steps whose weights were kept */
  snapshots: number[];
  /** steps whose samples were kept */
  samples: number[];
  failure: string;
}

/** What all that is drawn over a run's steps must know. */
export interface Looking {
  run: RunInfo;
  /** the step that is looked at; below 0: the last one */
  step: number;
  onstep: (step: number) => void;
}

export interface Scores {
  low: number;
  high: number;
  real: number[];
  fake: number[];
  margin: { low: number; high: number; counts: number[] };
}

export interface Row {
  step: number;
  seconds: number;
  learning_rate: number;
  scores?: Scores;
  /** a player's losses by their name */
  [player: string]: unknown;
}

/** A sentence, or a part of one, by its code, with what stands in it; an array: names of classes. */
export interface Said {
  code: string;
  values: Record<string, number | string | string[]>;
}

export interface Finding {
  disease: string;
  severity: "mild" | "severe";
  signs: Said[];
  /** the same in English */
  sentence: string;
  evidence: Record<string, number>;
  remedy: Said;
  /** the same in English */
  cure: string;
  step: number | null;
}

export interface Diagnosis {
  findings: Finding[];
  looked_for: string[];
  /** why, in English, by disease */
  not_looked_for: Record<string, string>;
  reasons: Record<string, Said>;
}

export interface Preset {
  name: string;
  words: string;
  /** for people, such as "conditional GAN" */
  kind: string;
  /** several players with opposing losses */
  adversarial: boolean;
  has_encoder: boolean;
  labels: boolean;
  latent_dim: number;
  steps: number;
  data: string;
}

export interface Choices {
  presets: Preset[];
  data: string[];
  folder: string;
}

export interface Wish {
  preset: string;
  data: string;
  name: string;
  steps: number | null;
  seed: number;
}

export interface Estimate {
  parameters: Record<string, number>;
  step_seconds: number;
  steps: number;
  total_seconds: number;
  peak_bytes: number;
  images: number;
  passes: number;
  device: string;
}

export interface Gain {
  player: string;
  gain: number;
  interval: [number, number];
}

export interface GapMoment {
  total: number;
  interval: [number, number];
  gains: Gain[];
  response_steps: number;
  seconds: number;
}

export interface Gap {
  wanted: number[];
  snapshots: Record<string, GapMoment>;
  measuring: boolean;
  failure: string;
}

export interface Upload {
  name: string;
  counts: Record<string, number>;
  class_counts: Record<string, Record<string, number>>;
  image_shape: [number, number, number];
  notes: string[];
  problems: string[];
  duplicates: number;
  /** how many are shown */
  pictures: number;
}

const at = (id: string): string => `/api/runs/${encodeURIComponent(id)}`;

export const runs = async (): Promise<RunInfo[]> => (await get("/api/runs")).json();
export const choices = async (): Promise<Choices> => (await get("/api/choices")).json();
export const ESTIMATE = "/api/estimate";
export const start = async (wish: Wish): Promise<RunInfo> => (await post("/api/runs", wish)).json();
export const act = async (id: string, what: "pause" | "resume" | "stop"): Promise<RunInfo> =>
  (await post(`${at(id)}/${what}`, {})).json();
export const forget = async (id: string): Promise<Response> => get(at(id), { method: "DELETE" });
/** Puts its model on show, if that is possible. */
export const show = async (id: string): Promise<{ model: number | null; why: string }> =>
  (await post(`${at(id)}/show`, {})).json();
export const doctorOf = (id: string): string => `${at(id)}/doctor`;
export const gap = async (id: string): Promise<Gap> => (await get(`${at(id)}/duality-gap`)).json();
export const measureGap = async (id: string): Promise<Gap> => (await post(`${at(id)}/duality-gap`, {})).json();
export const leaveGap = async (id: string): Promise<Gap> => (await get(`${at(id)}/duality-gap`, { method: "DELETE" })).json();
export const uploads = async (): Promise<Upload[]> => (await get("/api/uploads")).json();
export const removeUpload = async (name: string): Promise<Response> =>
  get(`/api/uploads/${name}`, { method: "DELETE" });
export const eventsOf = (id: string): string => `${at(id)}/events`;
export const sampleOf = (id: string, step: number): string => `${at(id)}/samples/${step}`;
export const pictureOf = (name: string, number: number): string => `/api/uploads/${name}/pictures/${number}`;

/** Seconds that runs begun from this page should take, by their id. */
export const foreseen = new Map<string, number>();

/** What a row says of a player; NaN where it does not. */
export function value(row: Row, player: string, name: string): number {
  const part = row[player] as Record<string, number | null> | undefined;
  return part?.[name] ?? NaN;
}

/** The players of a game, in the order in which they move. */
export function players(rows: Row[]): string[] {
  const last = rows[rows.length - 1];
  if (!last) return [];
  return Object.keys(last).filter((key) => Number.isFinite(value(last, key, "total")));
}
