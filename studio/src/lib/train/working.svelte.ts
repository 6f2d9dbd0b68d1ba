// Something that the server measures in a program of its own: how far it is, then what was found.
import { linesOf, post } from "../api";
import { words } from "../face.svelte";

interface Reached {
  done: number;
  /** 0: not known yet */
  of: number;
  /** seconds; null: not known */
  left: number | null;
  note: string;
}
type Line<Found> = Reached | { result: Found } | { error: string };

export class Working<Found> {
  busy = $state(false);
  reached = $state.raw<Reached | null>(null);
  trouble = $state("");
  private stopper: AbortController | null = null;

  /** What was found; null where nothing was, and `trouble` says why unless it was stopped. */
  async ask(path: string, content: unknown): Promise<Found | null> {
    const stopper = (this.stopper = new AbortController());
    Object.assign(this, { busy: true, reached: null, trouble: "" });
    try {
      const answer = await post(path, content, { signal: stopper.signal });
      for await (const line of linesOf<Line<Found>>(answer)) {
        if ("result" in line) return line.result;
        if ("error" in line) throw new Error(line.error);
        this.reached = line;
      }
      throw new TypeError();
    } catch (error) {
      if (!stopper.signal.aborted) this.trouble = error instanceof TypeError ? words().train.broken : (error as Error).message;
      return null;
    } finally {
      this.busy = false;
    }
  }

  /** Ends it, here and on the server. */
  stop(): void {
    this.stopper?.abort();
  }
}
