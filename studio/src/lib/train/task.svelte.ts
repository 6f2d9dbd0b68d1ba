// A long task of the server: a stream of progress reports that ends with a result or an error.
import { jsonLines, post } from "../api";
import { strings } from "../preferences.svelte";
import type { ServerError } from "../serverText.svelte";

interface Progress {
  done: number;
  /** 0: not known yet */
  of: number;
  /** seconds; null: not known */
  left: number | null;
  note: string;
}
type Line<Result> = Progress | { result: Result } | ServerError;

export class Task<Result> {
  running = $state(false);
  progress = $state.raw<Progress | null>(null);
  error = $state("");
  private controller: AbortController | null = null;

  /** Run the task; null if it failed, with the reason in `error`, or was stopped. */
  async run(path: string, content: unknown): Promise<Result | null> {
    const controller = (this.controller = new AbortController());
    Object.assign(this, { running: true, progress: null, error: "" });
    try {
      const response = await post(path, content, { signal: controller.signal });
      for await (const line of jsonLines<Line<Result>>(response)) {
        if ("result" in line) return line.result;
        if ("error" in line) throw new Error(line.error);
        this.progress = line;
      }
      throw new TypeError();
    } catch (error) {
      if (!controller.signal.aborted) this.error = error instanceof TypeError ? strings().train.connectionBroken : (error as Error).message;
      return null;
    } finally {
      this.running = false;
    }
  }

  /** Abort the task, here and on the server. */
  stop(): void {
    this.controller?.abort();
  }
}
