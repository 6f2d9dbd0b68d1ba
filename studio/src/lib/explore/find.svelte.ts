// The search for the latent that makes a given image, as the server walks it.
import { linesOf, post } from "../api";
import { slice } from "../address.svelte";
import { base64 } from "../base64";
import { Remaining } from "../remaining.svelte";
import type { Explorer } from "./explorer.svelte";

/** What the address knows of a search: a class, or -1 for the best of all. */
export const sought = slice("find.", { label: -1, seed: 0 });

export interface Step {
  step: number;
  of: number;
  image: string;
  error: number;
  norm: number;
  /** share of the prior's draws that are shorter; null where no prior was trained */
  length: number | null;
  label: number | null;
  place: [number, number] | null;
}

export interface Verdict {
  z: number[];
  /** share of held-out images that are found no better, of how many */
  as_well_as: number;
  searched: number;
}

type Line = Step | Verdict | { compared: number };

export class Search {
  steps = $state.raw<Step[]>([]);
  /** number of the step that is shown */
  at = $state(0);
  verdict = $state.raw<Verdict | null>(null);
  /** share of the comparison that is done; null while there is none */
  compared = $state<number | null>(null);
  running = $state(false);
  /** the plane on which the steps' places are */
  plane = $state("");
  trouble = $state("");
  readonly left = new Remaining();
  private stopper: AbortController | null = null;

  constructor(private readonly here: Explorer) {}

  /** The step that is shown: the newest, or the one that a person went back to. */
  get shown(): Step | null {
    return this.steps[this.at] ?? null;
  }

  async start(pixels: Uint8Array, lost: string): Promise<void> {
    this.stop();
    const stopper = (this.stopper = new AbortController());
    Object.assign(this, { steps: [], at: 0, verdict: null, compared: null, running: true, trouble: "" });
    this.left.begin();
    const { model, plane } = this.here;
    this.plane = plane;
    const label = model.takes_label && sought.label >= 0 ? sought.label : null;
    const content = { pixels: base64(pixels), label, seed: sought.seed };
    try {
      const answer = await post(`/api/models/${model.id}/invert?plane=${plane}`, content, { signal: stopper.signal });
      for await (const line of linesOf<Line>(answer)) this.take(line);
      if (!this.verdict) this.trouble = lost;
    } catch (error) {
      if (!stopper.signal.aborted) this.trouble = error instanceof TypeError ? lost : (error as Error).message;
    }
    if (this.stopper === stopper) this.running = false;
  }

  /** Ends it here and on the server. */
  stop(): void {
    this.stopper?.abort();
    this.running = false;
  }

  private take(line: Line): void {
    if ("compared" in line) {
      if (this.compared === null) this.left.begin(line.compared);
      this.compared = line.compared;
      this.left.tell(line.compared);
    } else if ("step" in line) {
      this.steps = [...this.steps, line];
      this.at = this.steps.length - 1;
      this.left.tell(line.step / line.of);
    } else {
      this.verdict = line;
    }
  }
}
