// Runs, estimates, diagnoses and uploads: their types, and the server's routes for them.
import { get, post } from "../api";
import type { Message } from "../messages";
import { remember, type ServerText } from "../serverText.svelte";

export type RunState = "waiting" | "training" | "paused" | "stopped" | "done" | "failed";

export interface RunInfo {
  id: string;
  /** name of the folder */
  name: string;
  /** display name; empty: the name of the folder */
  title: string;
  note: string;
  folder: string;
  preset: string;
  /** display name, such as "conditional GAN" */
  kind: string;
  /** whether several players have opposing losses */
  adversarial: boolean;
  has_encoder: boolean;
  /** losses can be compared between runs with the same objective and data; empty: unknown */
  objective: string;
  /** adversarial loss; null for an autoencoder */
  loss: "relativistic" | "non_saturating" | "hinge" | null;
  /** each player's adversarial loss at the equilibrium; null where it has no fixed value */
  equilibrium: Record<string, number> | null;
  state: RunState;
  step: number;
  steps: number;
  seconds: number;
  seconds_left: number | null;
  data: string;
  seed: number;
  /** id of the run's model, if the model is open in the studio */
  model: number | null;
  has_weights: boolean;
  /** steps with a snapshot */
  snapshots: number[];
  /** steps with saved samples */
  samples: number[];
  /** why it failed, in English; empty unless it did */
  failure: string;
  failure_text: ServerText;
}

export interface DeletedRun {
  id: string;
  /** name of its folder */
  name: string;
}

/** Name of a run for people. */
export const titleOf = (run: RunInfo): string => run.title || run.name;

/** Props of the components that show a run at a selected step. */
export interface StepProps {
  run: RunInfo;
  /** the selected step; below 0: the last one */
  step: number;
  onstep: (step: number) => void;
}

/** Histograms of the discriminator's scores. */
export interface DiscriminatorScores {
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
  scores?: DiscriminatorScores;
  /** losses of each player, by name */
  [player: string]: unknown;
}

export interface Issue {
  issue: string;
  severity: "mild" | "severe";
  signs: Message[];
  /** `signs` in English */
  description: string;
  evidence: Record<string, number>;
  fix_code: Message;
  /** `fix_code` in English */
  fix: string;
  step: number | null;
}

/** Whether a model is trained, and whether it has issues. */
export interface Status {
  name: "not trained yet" | "can't tell" | "issues found" | "no issues found";
  /** why it is not known whether there are issues */
  reasons: Message[];
  /** `reasons` in English */
  description: string;
  evidence: Record<string, number>;
  /** how to train longer; null unless the model is not trained yet */
  advice_code: Message | null;
  /** `advice_code` in English */
  advice: string;
}

/** What the log alone shows; the status is null if the log can't be read. */
export interface LogDiagnosis {
  status: Status | null;
  issues: Issue[];
}

export interface Diagnosis {
  status: Status;
  issues: Issue[];
  checked: string[];
  /** English reason for each issue that was not checked */
  not_checked: Record<string, string>;
  reasons: Record<string, Message>;
}

export interface Preset {
  name: string;
  description: string;
  /** display name, such as "conditional GAN" */
  kind: string;
  /** whether several players have opposing losses */
  adversarial: boolean;
  has_encoder: boolean;
  labels: boolean;
  latent_dim: number;
  steps: number;
  /** its data set; empty: images of the user */
  data: string;
}

export interface Choices {
  presets: Preset[];
  data: string[];
  folder: string;
}

export interface RunRequest {
  preset: string;
  data: string;
  name: string;
  steps: number | null;
  seed: number;
  /** height and width to which images are fitted, in pixels; null: the size of the images */
  image_size: number | null;
  /** null: that of the preset */
  batch_size: number | null;
  settings: ChangedSettings;
}

/** Settings that differ from the preset, by their full names; numbers are texts, as typed. */
export type ChangedSettings = Record<string, string | boolean>;

/** A setting of a preset; its dataclass in Python defines all of this. */
export interface Setting {
  /** full name, such as model.encoder.width */
  name: string;
  /** the dataclass that defines it */
  owner: string;
  kind: "integer" | "number" | "boolean" | "choice" | "text";
  value: string | number | boolean;
  choices: string[];
  /** whether a choice names a component, which may have settings of its own */
  is_component: boolean;
  /** allowed numbers in words; empty without a limit */
  limits: string;
  meaning: string;
  /** full name of what it belongs to, such as model.encoder */
  group: string;
  /** option of the command line */
  option: string;
}

export interface SettingsCheck {
  /** what is wrong, by the name of the setting; "" has what is wrong with their combination */
  problems: Record<string, ServerText>;
  /** options of the command line; empty if there are problems */
  options: string[];
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

/** What a player can still gain by moving alone. */
export interface Gain {
  player: string;
  gain: number;
  /** one-sided 95 % bound */
  at_least: number;
}

/** Duality gap of one snapshot. */
export interface SnapshotDualityGap {
  total: number;
  /** one-sided 95 % bound */
  at_least: number;
  gains: Gain[];
  response_steps: number;
  seconds: number;
}

export interface DualityGap {
  /** whether there are results of an earlier version, which are left out */
  outdated: boolean;
  /** steps of the snapshots to measure */
  wanted: number[];
  /** by step */
  snapshots: Record<string, SnapshotDualityGap>;
  measuring: boolean;
  /** the snapshot that is being measured, such as "step 240"; empty if unknown */
  part: string;
  /** why the last measurement failed; empty unless it did */
  failure_text: ServerText;
}

/** A preset that fits the data, and the settings that it needs for them; 0: unchanged. */
export interface Suggestion {
  preset: string;
  image_size: number;
  batch_size: number;
}

export interface Upload {
  name: string;
  counts: Record<string, number>;
  class_counts: Record<string, Record<string, number>>;
  image_shape: [number, number, number];
  notes: ServerText[];
  problems: ServerText[];
  duplicates: number;
  /** number of example images */
  pictures: number;
  /** presets that fit, the most suitable first; missing in the reports of older versions */
  presets?: Suggestion[];
}

const runUrl = (id: string): string => `api/runs/${encodeURIComponent(id)}`;

export const listRuns = async (): Promise<RunInfo[]> => (await get("api/runs")).json();
export const fetchChoices = async (): Promise<Choices> => (await get("api/choices")).json();
/** @param components components whose settings are listed in place of those of the preset's, such as model.prior=flow */
export const fetchSettings = async (preset: string, components: string[]): Promise<Setting[]> =>
  (await get(`api/presets/${encodeURIComponent(preset)}/settings?${new URLSearchParams(components.map((component) => ["component", component]))}`)).json();
export const checkSettings = async (preset: string, settings: ChangedSettings): Promise<SettingsCheck> =>
  (await post("api/check-settings", { preset, settings })).json();
export const ESTIMATE_URL = "api/estimate";
/** Why a new run can't have a name; empty texts if it can. */
export const checkName = async (name: string): Promise<{ code: string; message: string }> =>
  (await get(`api/run-names?name=${encodeURIComponent(name)}`)).json();
export const startRun = async (request: RunRequest): Promise<RunInfo> => (await post("api/runs", request)).json();
export const controlRun = async (id: string, action: "pause" | "resume" | "stop"): Promise<RunInfo> =>
  (await post(`${runUrl(id)}/${action}`, {})).json();
/** Move a run to the trash. */
export const deleteRun = async (id: string): Promise<Response> => get(runUrl(id), { method: "DELETE" });
export const listTrash = async (): Promise<DeletedRun[]> => (await get("api/trash")).json();
export const restoreRun = async (deletedId: string): Promise<RunInfo> => (await post(`api/trash/${encodeURIComponent(deletedId)}/restore`, {})).json();
export const saveNotes = async (id: string, title: string, note: string): Promise<RunInfo> =>
  (await post(`${runUrl(id)}/notes`, { title, note }, { method: "PUT" })).json();
/** Loss of each player as pairs of step and value. */
export const fetchLosses = async (id: string): Promise<Record<string, [number, number][]>> => (await get(`${runUrl(id)}/losses`)).json();
/** Open the model of a run in the studio; if `model` is null, `reason` is the reason, in English. */
export async function openModel(id: string): Promise<{ model: number | null; reason: string }> {
  const { model, reason_text } = (await (await post(`${runUrl(id)}/show`, {})).json()) as { model: number | null; reason_text?: ServerText };
  return { model, reason: reason_text ? remember(reason_text) : "" };
}
export const doctorUrl = (id: string): string => `${runUrl(id)}/doctor`;
export const fetchDualityGap = async (id: string): Promise<DualityGap> => (await get(`${runUrl(id)}/duality-gap`)).json();
export const measureDualityGap = async (id: string): Promise<DualityGap> => (await post(`${runUrl(id)}/duality-gap`, {})).json();
export const cancelDualityGap = async (id: string): Promise<DualityGap> => (await get(`${runUrl(id)}/duality-gap`, { method: "DELETE" })).json();
export const listUploads = async (): Promise<Upload[]> => (await get("api/uploads")).json();
export const removeUpload = async (name: string): Promise<Response> =>
  get(`api/uploads/${name}`, { method: "DELETE" });
export const eventsUrl = (id: string): string => `${runUrl(id)}/events`;
export const samplesUrl = (id: string, step: number): string => `${runUrl(id)}/samples/${step}`;
export const pictureUrl = (name: string, number: number): string => `api/uploads/${name}/pictures/${number}`;

/** Estimated seconds of the runs started from this page, by id. */
export const estimatedSeconds = new Map<string, number>();

/** Loss of a player in a row of the log; null where it is missing. */
export function lossOf(row: Row, player: string, name: string): number | null {
  const losses = row[player] as Record<string, number | null> | undefined;
  return losses?.[name] ?? null;
}

/** Names of the players, in the order in which they move. */
export function players(rows: Row[]): string[] {
  const last = rows[rows.length - 1];
  if (!last) return [];
  return Object.keys(last).filter((key) => lossOf(last, key, "total") !== null);
}
