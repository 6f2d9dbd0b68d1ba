// State of Compare: the models, and the cursor that they share.
import { plane, pointMap, realImages, type Ellipse, type Model, type PointMap } from "../api";
import { slice, updateAddress } from "../address.svelte";
import type { PriorSummary } from "../samples";
import { ownFrame } from "../frames";
import { project } from "../plane";
import { gridOf } from "../pointGrid";
import { studio } from "../studio.svelte";
import { comparedFolders, setComparedFolders } from "./folders";
import type { View } from "../splat";

/** Compare's slice of the address. */
export const compareState = slice("c.", { models: "", lock: "image", image: 0, x: 0, y: 0, label: 0, seed: 0, all: false as boolean }, { lock: ["image", "z"] });
export const MAX_MODELS = 4;
/** Largest multiple of a step of the cursor. */
const MAX_STEPS = 1024;

export class Comparison {
  errorMessage = $state("");
  /** view of the lattice of seeds, shared by all panes */
  lattice = $state<View>({ x: Math.round(compareState.x), y: Math.round(compareState.y), scale: 62 });
  /** maps, by model number */
  maps = $state.raw<Record<number, PointMap>>({});
  /** Gaussians of the classes at one standard deviation, by model number */
  classes = $state.raw<Record<number, Ellipse[]>>({});
  /** centre of the projection of N(0, I) onto the map, by model number */
  normals = $state.raw<Record<number, { x: number; y: number }>>({});
  /** scores of samples from the prior, by model number */
  priors = $state.raw<Record<number, PriorSummary>>({});
  /** fidelity as in `Plane`, by model number */
  fidelities = $state.raw<Record<number, number | null>>({});
  private lastImage: { key: string; image: Promise<Uint8Array> } | null = null;

  get models(): Model[] {
    const folders = comparedFolders();
    const ids = folders.length
      ? folders.map((folder) => studio.models.findIndex((model) => model.folder === folder))
      : compareState.models.split(".").filter(Boolean).map(Number);
    const selected = [...new Set(ids)].flatMap((id) => studio.models[id] ?? []);
    return (selected.length >= 2 ? selected : studio.models).slice(0, MAX_MODELS);
  }

  get byImage(): boolean {
    return compareState.lock !== "z" && this.models.some((model) => model.has_map);
  }

  /** Whether a model's images have the same numbers as those of the first model with a map. */
  sharesImages(model: Model): boolean {
    const first = this.models.find((other) => other.has_map);
    return Boolean(first && model.has_map && model.data === first.data && model.images === first.images
      && String(model.image_shape) === String(first.image_shape));
  }

  get image(): number {
    const first = this.models.find((model) => model.has_map);
    const number = Math.round(compareState.image);
    return first && number >= 0 && number < first.images ? number : 0;
  }

  async load(model: Model): Promise<void> {
    if (!model.has_map || this.maps[model.id]) return;
    try {
      const [map, mapPlane] = await Promise.all([pointMap(model.id), plane(model.id)]);
      await ownFrame();
      this.maps = { ...this.maps, [model.id]: map };
      const [[x, y]] = project(mapPlane, new Float32Array(model.latent_dim));
      if (!model.takes_label) this.normals = { ...this.normals, [model.id]: { x, y } };
      this.classes = { ...this.classes, [model.id]: mapPlane.ellipses[0] ?? [] };
      this.fidelities = { ...this.fidelities, [model.id]: mapPlane.fidelity };
    } catch (error) {
      this.errorMessage = (error as Error).message;
    }
  }

  /** Load a real image, once for all models that share their images. */
  real(model: Model, number: number): Promise<Uint8Array> {
    const key = `${this.sharesImages(model) ? "shared" : model.id} ${number}`;
    if (this.lastImage?.key !== key) this.lastImage = { key, image: realImages(model.id, [number]).then(([pixels]) => pixels) };
    return this.lastImage.image;
  }

  /** Position of the selected image on a model's map. */
  positionOf(model: Model): { x: number; y: number } {
    const points = this.maps[model.id]?.points;
    return points ? { x: points[2 * this.image], y: points[2 * this.image + 1] } : { x: 0, y: 0 };
  }

  /** Scores of the samples of the current seed; null while they are computed. */
  priorOf(model: Model): PriorSummary | null {
    const prior = this.priors[model.id];
    return prior?.seed === seedOf() ? prior : null;
  }

  /** Among the models with a map (whose samples are scored by the same measures): the one whose samples
   * are unusual least often, and whether the samples of the other models are unusual significantly more often. */
  get generators(): { best: Model; rest: { model: Model; more: boolean }[] } | null {
    const unusual = (model: Model) => this.priorOf(model)?.off_data;
    const mapped = this.models.filter((model) => model.has_map);
    const ranked = mapped.filter(unusual).sort((a, b) => unusual(a)!.share - unusual(b)!.share);
    if (ranked.length < 2 || ranked.length < mapped.length) return null;
    const [best, ...others] = ranked;
    return { best, rest: others.map((model) => ({ model, more: unusual(model)!.low > unusual(best)!.high })) };
  }

  toggle(model: Model): void {
    const ids = this.models.map(({ id }) => id);
    const next = ids.includes(model.id) ? ids.filter((id) => id !== model.id) : [...ids, model.id].sort((a, b) => a - b);
    if (next.length < 2 || next.length > MAX_MODELS) return;
    compareState.models = next.join(".");
    setComparedFolders(next.map((id) => studio.models[id].folder));
    updateAddress();
  }

  /** Select the real image nearest to a point of a model's map. */
  pick(model: Model, x: number, y: number): void {
    const map = this.maps[model.id];
    const nearest = map && gridOf(map).nearest(x, y);
    if (nearest !== null && nearest !== undefined) this.choose(nearest);
  }

  /** Select the real image nearest to a step from the selected one, or to a multiple of that step, if there is no other
   * image nearer. */
  step(model: Model, dx: number, dy: number): void {
    const map = this.maps[model.id];
    if (!map) return;
    const { x, y } = this.positionOf(model);
    for (let times = 1; times <= MAX_STEPS; times *= 2) {
      const nearest = gridOf(map).nearest(x + times * dx, y + times * dy);
      if (nearest === null || nearest === this.image) continue;
      const [aheadX, aheadY] = [map.points[2 * nearest] - x, map.points[2 * nearest + 1] - y];
      if (aheadX * dx + aheadY * dy > 0) return this.choose(nearest);
    }
  }

  /** Select a real image by its number. */
  choose(image: number): void {
    compareState.image = image;
    updateAddress();
  }

  /** Move the cursor on the lattice of seeds. */
  move(x: number, y: number): void {
    compareState.x = x;
    compareState.y = y;
    updateAddress();
  }
}

export const seedOf = (): number => Math.min(2 ** 32 - 1, Math.max(0, Math.round(compareState.seed)));
