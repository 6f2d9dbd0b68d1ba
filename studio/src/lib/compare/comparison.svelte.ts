// What Compare shows: which models, and the one cursor that all of them share.
import { plane, pointMap, realImages, type Ellipse, type Model, type PointMap } from "../api";
import { slice, toAddress } from "../address.svelte";
import type { Prior } from "../drawn";
import { shadows } from "../plane";
import { studio } from "../studio.svelte";
import { name, named } from "./named";
import type { View } from "../splat";

/** The part of the address that Compare has. */
export const shown = slice("c.", { models: "", lock: "image", image: 0, x: 0, y: 0, label: 0, seed: 0, all: false as boolean });
export const MOST = 4;

export class Comparison {
  trouble = $state("");
  /** of the lattice of seeds, the same in all panes */
  lattice = $state<View>({ x: Math.round(shown.x), y: Math.round(shown.y), scale: 62 });
  /** by the models' numbers */
  maps = $state.raw<Record<number, PointMap>>({});
  /** each class's Gaussian, at one standard deviation */
  classes = $state.raw<Record<number, Ellipse[]>>({});
  /** where the shadow of N(0, I) lies: a circle of radius 1 for each standard deviation */
  normals = $state.raw<Record<number, { x: number; y: number }>>({});
  /** what becomes of many draws from each model's prior */
  priors = $state.raw<Record<number, Prior>>({});
  /** of each model, as of `Plane` */
  fidelities = $state.raw<Record<number, number | null>>({});
  private last: { of: string; image: Promise<Uint8Array> } | null = null;

  get models(): Model[] {
    const folders = named();
    const wanted = folders.length
      ? folders.map((folder) => studio.models.findIndex((model) => model.folder === folder))
      : shown.models.split(".").filter(Boolean).map(Number);
    const found = [...new Set(wanted)].flatMap((id) => studio.models[id] ?? []);
    return (found.length >= 2 ? found : studio.models).slice(0, MOST);
  }

  get byImage(): boolean {
    return shown.lock !== "z" && this.models.some((model) => model.has_map);
  }

  /** The models whose images have the same numbers as those of the first with a map. */
  sharesImages(model: Model): boolean {
    const first = this.models.find((one) => one.has_map);
    return Boolean(first && model.has_map && model.data === first.data && model.images === first.images
      && String(model.image_shape) === String(first.image_shape));
  }

  get image(): number {
    const first = this.models.find((one) => one.has_map);
    const number = Math.round(shown.image);
    return first && number >= 0 && number < first.images ? number : 0;
  }

  async load(model: Model): Promise<void> {
    if (!model.has_map || this.maps[model.id]) return;
    try {
      const [found, flat] = await Promise.all([pointMap(model.id), plane(model.id)]);
      this.maps = { ...this.maps, [model.id]: found };
      const [[x, y]] = shadows(flat, new Float32Array(model.latent_dim));
      if (!model.takes_label) this.normals = { ...this.normals, [model.id]: { x, y } };
      this.classes = { ...this.classes, [model.id]: flat.ellipses[0] ?? [] };
      this.fidelities = { ...this.fidelities, [model.id]: flat.fidelity };
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  /** A real image; models that share images ask for it once. */
  real(model: Model, number: number): Promise<Uint8Array> {
    const of = `${this.sharesImages(model) ? "shared" : model.id} ${number}`;
    if (this.last?.of !== of) this.last = { of, image: realImages(model.id, [number]).then(([pixels]) => pixels) };
    return this.last.image;
  }

  /** Where an image lies on a model's map. */
  placeOf(model: Model): { x: number; y: number } {
    const points = this.maps[model.id]?.points;
    return points ? { x: points[2 * this.image], y: points[2 * this.image + 1] } : { x: 0, y: 0 };
  }

  /** What became of the draws of the seed that is shown; null until that is known. */
  priorOf(model: Model): Prior | null {
    const found = this.priors[model.id];
    return found?.seed === seedOf() ? found : null;
  }

  /** Of the models with a map, which are judged by the same measures: whose draws are least often
   * off the data, and whose surely more often. */
  get generators(): { best: Model; rest: { model: Model; more: boolean }[] } | null {
    const off = (model: Model) => this.priorOf(model)?.off;
    const mapped = this.models.filter((model) => model.has_map);
    const known = mapped.filter(off).sort((a, b) => off(a)!.share - off(b)!.share);
    if (known.length < 2 || known.length < mapped.length) return null;
    const [best, ...others] = known;
    return { best, rest: others.map((model) => ({ model, more: off(model)!.low > off(best)!.high })) };
  }

  toggle(model: Model): void {
    const ids = this.models.map(({ id }) => id);
    const next = ids.includes(model.id) ? ids.filter((id) => id !== model.id) : [...ids, model.id].sort((a, b) => a - b);
    if (next.length < 2 || next.length > MOST) return;
    shown.models = next.join(".");
    name(next.map((id) => studio.models[id].folder));
    toAddress();
  }

  /** The real image nearest to a place on a model's map becomes that of all. */
  pick(model: Model, x: number, y: number): void {
    const points = this.maps[model.id]?.points;
    if (!points) return;
    let least = Infinity;
    let nearest = 0;
    for (let i = 0; i < points.length / 2; i++) {
      const far = (points[2 * i] - x) ** 2 + (points[2 * i + 1] - y) ** 2;
      if (far < least) {
        least = far;
        nearest = i;
      }
    }
    this.choose(nearest);
  }

  choose(image: number): void {
    shown.image = image;
    toAddress();
  }

  move(x: number, y: number): void {
    shown.x = x;
    shown.y = y;
    toAddress();
  }
}

export const seedOf = (): number => Math.min(2 ** 32 - 1, Math.max(0, Math.round(shown.seed)));
