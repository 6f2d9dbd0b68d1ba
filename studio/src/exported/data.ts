// The model that the page contains, as src/latentarium/export/html.py writes it.
import type { GapGrid, MapModel, Plane, PointMap } from "../lib/api";
import { MEASURES, type Measure, type Scores } from "../lib/scores";
import { float32Array, uint8Array } from "./numbers";
import type { ProgramJson } from "./program";

interface TrustJson {
  box: GapGrid["box"];
  cells: number;
  /** base64 */
  levels: string;
  weakest: string;
}
export interface PageJson {
  version: string;
  kind: string;
  data: string;
  classes: string[];
  imageShape: [number, number, number];
  latentDim: number;
  decodesLabel: boolean;
  program: ProgramJson;
  weights: string;
  weightsType: "float16" | "float32";
  map: { points: string; pointClasses: string; plane: Plane; trainImages: number; trust: TrustJson | null } | null;
  sources: { kind: "prior" | "all" | "class"; label: number | null; z: string | null }[];
}

/** How unusual the images of a part of the map are, measured on a grid. */
export class Trust {
  /** the same as the studio's layer of gaps */
  readonly grid: GapGrid;
  private readonly levels: Float32Array;
  private readonly weakest: Uint8Array;

  constructor({ box, cells, levels, weakest }: TrustJson) {
    this.levels = float32Array(levels);
    this.weakest = uint8Array(weakest);
    this.grid = { box, cells, values: this.levels.map((level) => 1 - level) };
  }

  /** The scores of the nearest place of the grid; null outside. */
  at(x: number, y: number): Scores | null {
    const { box, cells } = this.grid;
    const column = Math.floor(((x - box.left) / (box.right - box.left)) * cells);
    const row = Math.floor(((box.high - y) / (box.high - box.low)) * cells);
    if (!(column >= 0 && column < cells && row >= 0 && row < cells)) return null;
    const level = this.levels[row * cells + column];
    const measure: Measure = MEASURES[this.weakest[row * cells + column]] ?? "distance";
    return { level, nearest: -1, distance: 0, roundTrip: NaN, rarity: { [measure]: 1 - level }, read: NaN, original: NaN };
  }
}

export interface PageMap {
  plane: Plane;
  points: PointMap;
  trust: Trust | null;
}

/** A distribution that latents are drawn from. */
export interface Source {
  kind: "prior" | "all" | "class";
  label: number | null;
  /** latents that were drawn when the page was written; null: N(0, I) */
  latents: Float32Array | null;
}

export const json: PageJson = JSON.parse(document.getElementById("model")!.textContent!);

export const map: PageMap | null = json.map && {
  plane: json.map.plane,
  points: { points: float32Array(json.map.points), classes: uint8Array(json.map.pointClasses) },
  trust: json.map.trust && new Trust(json.map.trust),
};

export const sources: Source[] = json.sources.map(({ kind, label, z }) => ({ kind, label, latents: z === null ? null : float32Array(z) }));

export const mapModel: MapModel = {
  id: 0,
  classes: json.classes,
  has_map: map !== null,
  decodes_label: json.decodesLabel,
  image_shape: json.imageShape,
};
