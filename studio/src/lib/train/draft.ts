// What was entered for a new training. The Back button and other parts of the page leave the form, so
// its content is kept until the tab is closed or the training starts.
import type { ChangedSettings } from "./runs";

export interface Draft {
  preset: string;
  data: string;
  name: string;
  steps: number | null;
  seed: number | null;
  size: number | null;
  settings: ChangedSettings;
}

const KEY = "new-training";

export function loadDraft(): Partial<Draft> {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Partial<Draft>;
  } catch {
    return {}; // the browser may forbid storage
  }
}

export function saveDraft(draft: Draft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    // then the form is empty after the next visit
  }
}

export function forgetDraft(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // it was not stored either
  }
}
