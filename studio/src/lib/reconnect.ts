// Reopen models after a restart of the server, which opens only those of its command line.
import { fetchOnce, type Model } from "./api";
import { openModel, type RunInfo } from "./train/runs";

export interface RestoredModels {
  models: Model[];
  /** why a model can't be opened again; empty if unknown */
  reason: string;
}

/** Open the runs in `folders` that are not open, if the server knows them, and return all open models. */
export async function restoreModels(folders: string[]): Promise<RestoredModels> {
  const open = await openModels();
  const missing = [...new Set(folders)].filter((folder) => folder && !open.some((model) => model.folder === folder));
  if (!missing.length) return { models: open, reason: "" };
  const runs: RunInfo[] = await (await fetchOnce("api/runs")).json();
  let reason = "";
  for (const folder of missing) {
    const run = runs.find((info) => info.folder === folder);
    if (run) reason = (await openModel(run.id)).reason || reason;
  }
  return { models: await openModels(), reason };
}

/** Not through `get`, which waits until the models are restored. */
export const openModels = async (): Promise<Model[]> => (await fetchOnce("api/models")).json();
