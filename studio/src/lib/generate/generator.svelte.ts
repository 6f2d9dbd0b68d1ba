// What Generate draws from one model, and what is known of each image.
import { plane, type Model } from "../api";
import { slice, toAddress } from "../address.svelte";
import { copiesOf, drawnPixels, nameOf, opinionOf, quoted, type Copies, type Opinion, type Wish } from "../drawn";
import { gradeOf, type Trust } from "../trust";

/** The part of the address that Generate has. */
export const shown = slice("g.", { n: 36, seed: 0, truncation: 1, label: "", at: 0, blend: "", rows: 4 });

export const COUNTS = [16, 36, 64];
const LARGEST_SEED = 2 ** 32 - 1;
/** After a change, what is slow waits until the hand rests. */
const REST = 250;

export class Generator {
  pixels = $state.raw<Uint8Array[]>([]);
  opinion = $state.raw<Opinion | null>(null);
  copies = $state.raw<Copies | null>(null);
  trouble = $state("");
  /** of the model, as of `Plane`; null: unknown */
  fidelity = $state<number | null>(null);
  private turn = 0;
  private rest = 0;

  constructor(readonly model: Model) {
    if (model.has_map) plane(model.id).then((flat) => (this.fidelity = flat.fidelity), () => {});
  }

  /** Whether a class can be asked for: by its label, or from its Gaussian in the latent space. */
  get way(): "label" | "gaussian" | "none" {
    if (this.model.takes_label) return "label";
    return this.model.has_map && this.model.classes.length ? "gaussian" : "none";
  }

  /** The number of the class asked for; -1 for none. */
  get chosen(): number {
    return this.way === "none" ? -1 : this.model.classes.indexOf(shown.label);
  }

  get seed(): number {
    return Math.min(LARGEST_SEED, Math.max(0, Math.round(shown.seed)));
  }

  get truncation(): number {
    return Math.min(1.5, Math.max(0, shown.truncation));
  }

  get wish(): Wish {
    const gaussian = this.way === "gaussian" && this.chosen >= 0;
    return {
      n: COUNTS.includes(shown.n) ? shown.n : 36,
      seed: this.seed,
      truncation: this.truncation,
      way: gaussian ? "gaussian" : "prior",
      label: this.chosen >= 0 ? nameOf(this.model, this.chosen) : "",
    };
  }

  async draw(): Promise<void> {
    const turn = ++this.turn;
    toAddress();
    clearTimeout(this.rest);
    try {
      const found = await drawnPixels(this.model, this.wish);
      if (turn !== this.turn) return;
      this.pixels = found;
      this.opinion = this.copies = null;
      this.trouble = "";
      this.rest = window.setTimeout(() => this.look(turn), this.rest ? REST : 0);
    } catch (error) {
      if (turn === this.turn) this.trouble = (error as Error).message;
    }
  }

  private async look(turn: number): Promise<void> {
    const wish = this.wish;
    try {
      const opinion = await opinionOf(this.model, wish);
      if (turn === this.turn) this.opinion = opinion;
      const copies = await copiesOf(this.model, wish);
      if (turn === this.turn) this.copies = copies;
    } catch (error) {
      if (turn === this.turn) this.trouble = (error as Error).message;
    }
  }

  /** How far to trust an image; null until it is known. */
  trust(i: number): Trust | null {
    return this.opinion?.trust[i] ?? null;
  }

  /** Whether an image is what was asked for; null where that is unknown. */
  obeys(i: number): boolean | null {
    const { asked, judged } = this.opinion ?? {};
    return asked && judged && i < judged.length ? asked[i] === judged[i] : null;
  }

  /** What is thought of an image: wrong where it is not what was asked for, false where it is off
   * the data. */
  verdict(i: number): "right" | "wrong" | "false" | "unknown" {
    const trust = this.trust(i);
    if (!trust) return "unknown";
    if (this.obeys(i) === false) return "wrong";
    if (gradeOf(trust.level) === "off") return "false";
    return this.obeys(i) ? "right" : "unknown";
  }

  get python(): string {
    const { n, seed, truncation, way, label } = this.wish;
    const load = `model = ${this.model.model_code}`;
    const settings = `seed=${seed}, truncation=${truncation}`;
    if (way === "gaussian")
      return [
        "import latentarium as la",
        "from latentarium.latent.class_draws import class_gaussian, sample_gaussian",
        "",
        load,
        `gaussian = class_gaussian(model, ${this.model.data_code}, ${JSON.stringify(label)})`,
        `images = sample_gaussian(model, gaussian, ${n}, ${settings})`,
      ].join("\n");
    const asked = label ? `label=${JSON.stringify(label)}, ` : "";
    return ["import latentarium as la", "", load, `images = model.sample(${n}, ${asked}${settings})`].join("\n");
  }

  get command(): string {
    const { n, seed, truncation, way, label } = this.wish;
    const asked = label ? ` ${way === "gaussian" ? "--gaussian" : "--label"} ${quoted(label)}` : "";
    const folder = quoted(this.model.folder);
    const moved = way === "gaussian" && this.model.moved ? ` --data ${quoted(this.model.moved)}` : "";
    return `latentarium sample ${folder} -n ${n}${asked}${moved} --seed ${seed} --truncation ${truncation} --out grid.png`;
  }
}
