// The search for the latent of the query image, which runs on the server.
import { jsonLines, post } from "../../../api";
import { slice } from "../../../address.svelte";
import { encodeBase64 } from "../../../base64";
import { Eta } from "../../../eta.svelte";
import type { Explorer } from "../../explorer.svelte";
import type { Tool, ToolState } from "../../tools";
import Marks from "./Marks.svelte";
import Panel from "./Panel.svelte";

/** The search's slice of the address; label -1 searches all classes. */
export const searchState = slice("find.", { label: -1, seed: 0 });

export interface Step {
  step: number;
  of: number;
  image: string;
  error: number;
  norm: number;
  /** share of latents drawn from the prior that have a smaller norm; null without a trained prior */
  norm_percentile: number | null;
  label: number | null;
  point: [number, number] | null;
}

export interface Verdict {
  z: number[];
  /** share of held-out images for which the search ends with at least the same error */
  share_not_better: number;
  /** number of held-out images that were inverted */
  num_measured: number;
}

type Line = Step | Verdict | { baseline_share: number };

export class Search implements ToolState {
  steps = $state.raw<Step[]>([]);
  /** number of the displayed step */
  at = $state(0);
  verdict = $state.raw<Verdict | null>(null);
  /** share of the held-out images for comparison that are inverted so far; null before the first */
  baselineShare = $state<number | null>(null);
  running = $state(false);
  /** name of the plane that the positions of the steps refer to */
  planeName = $state("");
  errorMessage = $state("");
  readonly left = new Eta();
  private abort: AbortController | null = null;

  constructor(private readonly here: Explorer) {}

  /** The displayed step: the newest, unless another one is selected. */
  get current(): Step | null {
    return this.steps[this.at] ?? null;
  }

  async start(pixels: Uint8Array, interrupted: string): Promise<void> {
    this.stop();
    const abort = (this.abort = new AbortController());
    Object.assign(this, { steps: [], at: 0, verdict: null, baselineShare: null, running: true, errorMessage: "" });
    this.left.begin();
    const { model, planeName } = this.here;
    this.planeName = planeName;
    const label = model.takes_label && searchState.label >= 0 ? model.classes[searchState.label] : null;
    const content = { pixels: encodeBase64(pixels), label, seed: searchState.seed };
    try {
      const reply = await post(`api/models/${model.id}/invert?plane=${planeName}`, content, { signal: abort.signal });
      for await (const line of jsonLines<Line>(reply)) this.read(line);
      if (!this.verdict) this.errorMessage = interrupted;
    } catch (error) {
      if (!abort.signal.aborted) this.errorMessage = error instanceof TypeError ? interrupted : (error as Error).message;
    }
    if (this.abort === abort) this.running = false;
  }

  /** Stop the search, here and on the server. */
  stop(): void {
    this.abort?.abort();
    this.running = false;
  }

  close(): void {
    this.stop();
  }

  private read(line: Line): void {
    if ("baseline_share" in line) {
      if (this.baselineShare === null) this.left.begin(line.baseline_share);
      this.baselineShare = line.baseline_share;
      this.left.update(line.baseline_share);
    } else if ("step" in line) {
      this.steps = [...this.steps, line];
      this.at = this.steps.length - 1;
      this.left.update(line.step / line.of);
    } else {
      this.verdict = line;
    }
  }
}

export default {
  name: "find",
  order: 3,
  createState: ({ here }) => new Search(here),
  Panel,
  Marks,
} satisfies Tool<Search>;
