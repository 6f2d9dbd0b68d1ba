// The compared models, by folder: their numbers can change when the server restarts.
import { slice } from "../address.svelte";

const state = slice("c.", { of: "" });

/** The folders in the address; empty if the address contains none. */
export function comparedFolders(): string[] {
  try {
    const folders: unknown = JSON.parse(state.of || "[]");
    return Array.isArray(folders) ? folders.filter((folder) => typeof folder === "string") : [];
  } catch {
    return []; // the address was edited by hand
  }
}

export function setComparedFolders(folders: string[]): void {
  state.of = JSON.stringify(folders);
}
