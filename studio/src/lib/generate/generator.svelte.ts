// State of Generate: the samples of one model, and their scores.
import { plane, type Model } from "../api";
import { slice, updateAddress } from "../address.svelte";
import { nearestTraining, samplePixels, classArgument, assess, saveImages, shellQuote, type NearestTraining, type Assessment, type SampleRequest } from "../samples";
import { shownGrade, type Scores } from "../scores";

/** Generate's slice of the address. */
export const generateState = slice("g.", { n: 36, seed: 0, truncation: 1, label: "", at: 0, blend: "", rows: 4 });

export const COUNTS = [16, 36, 64];
const MAX_SEED = 2 ** 32 - 1;
/** Milliseconds without a change before the samples are scored, which is slower than sampling. */
const PAUSE = 250;

export class Generator {
  pixels = $state.raw<Uint8Array[]>([]);
  assessment = $state.raw<Assessment | null>(null);
  copies = $state.raw<NearestTraining | null>(null);
  errorMessage = $state("");
  /** fidelity of the model, as in `Plane`; null if unknown */
  fidelity = $state<number | null>(null);
  private requests = 0;
  private timer = 0;

  constructor(readonly model: Model) {
    if (model.has_map) plane(model.id).then((flat) => (this.fidelity = flat.fidelity), () => {});
  }

  /** How a class can be selected: by its label, or by its Gaussian in the latent space. */
  get classChoice(): "label" | "gaussian" | "none" {
    if (this.model.takes_label) return "label";
    return this.model.has_map && this.model.classes.length ? "gaussian" : "none";
  }

  /** Number of the selected class; -1 for none. */
  get classNumber(): number {
    return this.classChoice === "none" ? -1 : this.model.classes.indexOf(generateState.label);
  }

  get seed(): number {
    return Math.min(MAX_SEED, Math.max(0, Math.round(generateState.seed)));
  }

  get truncation(): number {
    return Math.min(1.5, Math.max(0, generateState.truncation));
  }

  get wish(): SampleRequest {
    const gaussian = this.classChoice === "gaussian" && this.classNumber >= 0;
    return {
      n: COUNTS.includes(generateState.n) ? generateState.n : 36,
      seed: this.seed,
      truncation: this.truncation,
      method: gaussian ? "gaussian" : "prior",
      label: this.classNumber >= 0 ? classArgument(this.model, this.classNumber) : "",
    };
  }

  /** Sample, and score the samples after a pause. */
  async sample(): Promise<void> {
    const request = ++this.requests;
    updateAddress();
    clearTimeout(this.timer);
    try {
      const pixels = await samplePixels(this.model, this.wish);
      if (request !== this.requests) return;
      this.pixels = pixels;
      this.assessment = this.copies = null;
      this.errorMessage = "";
      this.timer = window.setTimeout(() => this.score(request), this.timer ? PAUSE : 0);
    } catch (error) {
      if (request === this.requests) this.errorMessage = (error as Error).message;
    }
  }

  private async score(request: number): Promise<void> {
    const wish = this.wish;
    try {
      const assessment = await assess(this.model, wish);
      if (request === this.requests) this.assessment = assessment;
      const copies = await nearestTraining(this.model, wish);
      if (request === this.requests) this.copies = copies;
    } catch (error) {
      if (request === this.requests) this.errorMessage = (error as Error).message;
    }
  }

  /** Scores of an image; null while they are computed. */
  scores(i: number): Scores | null {
    return this.assessment?.scores[i] ?? null;
  }

  /** Whether an image belongs to the requested class, by the classifier; null if unknown. */
  matches(i: number): boolean | null {
    const { requested, predicted } = this.assessment ?? {};
    return requested && predicted && i < predicted.length ? requested[i] === predicted[i] : null;
  }

  /** The verdict on an image; a mismatch of the class comes before an unusual image. */
  verdict(i: number): "match" | "mismatch" | "unusual" | "unknown" {
    const scores = this.scores(i);
    if (!scores) return "unknown";
    if (this.matches(i) === false) return "mismatch";
    if (shownGrade(scores.level, this.fidelity) === "unusual") return "unusual";
    return this.matches(i) ? "match" : "unknown";
  }

  get python(): string {
    const { n, seed, truncation, method, label } = this.wish;
    const load = `model = ${this.model.model_code}`;
    const settings = `seed=${seed}, truncation=${truncation}`;
    if (method === "gaussian")
      return [
        "import latentarium as la",
        "",
        load,
        `latent_map = la.LatentMap(model, ${this.model.data_code})`,
        `images = latent_map.sample_class(${JSON.stringify(label)}, ${n}, ${settings})`,
        saveImages("images", "samples.png"),
      ].join("\n");
    const argument = label ? `label=${JSON.stringify(label)}, ` : "";
    return ["import latentarium as la", "", load, `images = model.sample(${n}, ${argument}${settings})`, saveImages("images", "samples.png")].join("\n");
  }

  get command(): string {
    const { n, seed, truncation, method, label } = this.wish;
    const option = label ? ` ${method === "gaussian" ? "--gaussian" : "--label"} ${shellQuote(label)}` : "";
    const folder = shellQuote(this.model.folder);
    const moved = method === "gaussian" && this.model.moved ? ` --data ${shellQuote(this.model.moved)}` : "";
    return `latentarium sample ${folder} -n ${n}${option}${moved} --seed ${seed} --truncation ${truncation} --out grid.png`;
  }
}
