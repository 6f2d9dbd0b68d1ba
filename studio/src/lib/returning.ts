// What was on show stays on show: a server that was started anew knows only the models of its
// command, and is asked for the others that it may show.
import { fetchOnce, post, type Model } from "./api";
import type { RunInfo } from "./train/runs";

export interface Returned {
  models: Model[];
  /** why one of them can't be shown again; empty where the server doesn't know it */
  why: string;
}

/** The models on show, once those of `folders` are among them which the server may show. */
export async function withAll(folders: string[]): Promise<Returned> {
  const found = await models();
  const missing = [...new Set(folders)].filter((folder) => folder && !found.some((model) => model.folder === folder));
  if (!missing.length) return { models: found, why: "" };
  const runs: RunInfo[] = await (await fetchOnce("/api/runs")).json();
  let why = "";
  for (const folder of missing) {
    const run = runs.find((one) => one.folder === folder);
    if (run) why = (await (await post(`/api/runs/${encodeURIComponent(run.id)}/show`, {})).json()).why || why;
  }
  return { models: await models(), why };
}

/** Not by `get`, which waits until this is done. */
const models = async (): Promise<Model[]> => (await fetchOnce("/api/models")).json();
