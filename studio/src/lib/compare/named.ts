// The models that are compared, by their folders: their numbers may be others' tomorrow.
import { slice } from "../address.svelte";

const kept = slice("c.", { of: "" });

/** The folders; none: the address doesn't name them. */
export function named(): string[] {
  try {
    const found: unknown = JSON.parse(kept.of || "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return []; // an address that was written by hand
  }
}

export function name(folders: string[]): void {
  kept.of = JSON.stringify(folders);
}
