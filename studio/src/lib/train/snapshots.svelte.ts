// The snapshots of a run, loaded one by one, the last one first, since each map is aligned to the
// one after it. New snapshots are added while the run trains.
import { SvelteMap } from "svelte/reactivity";
import { get, plane, pointMap, type Ellipse, type Model, type Plane, type PointMap } from "../api";

export interface Snapshot {
  /** null for a model without encoder */
  map: PointMap | null;
  plane: Plane | null;
  /** pixels of the samples, one image after the other */
  samples: Uint8Array;
  columns: number;
  /** pixels of the reconstructions; empty for a model without encoder */
  reconstructions: Uint8Array;
}

export class SnapshotHistory {
  /** may get more snapshots while it trains */
  model = $state.raw() as Model;
  /** by number, from 1 */
  readonly loaded = new SvelteMap<number, Snapshot>();
  /** how many were requested, including those that failed to load */
  done = $state(0);
  error = $state("");
  /** estimated seconds until all are loaded */
  seconds = $state<number | null>(null);
  private readonly requested = new Set<number>();
  private busy = false;
  private ended = false;

  constructor(model: Model) {
    this.model = model;
  }

  get count(): number {
    return this.model.snapshots.length;
  }

  /** Adopt a later state of the model; keep the loaded snapshots unless the run is a different one. */
  update(model: Model): void {
    const sameRun = this.model.snapshots.every((step, i) => model.snapshots[i] === step);
    if (!sameRun) {
      this.loaded.clear();
      this.requested.clear();
      this.done = 0;
    }
    this.model = model;
    this.load();
  }

  /** Load all missing snapshots. */
  async load(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const begun = performance.now();
    for (let n = 1, number = this.next(); number && !this.ended; n++, number = this.next()) {
      this.requested.add(number);
      try {
        this.loaded.set(number, await this.fetch(number));
      } catch (error) {
        this.error = (error as Error).message;
      }
      this.done = this.requested.size;
      this.seconds = Math.ceil((((performance.now() - begun) / n) * (this.count - this.done)) / 1000);
    }
    this.busy = false;
  }

  /** The last snapshot that was not requested; 0: none. */
  private next(): number {
    let number = this.count;
    while (this.requested.has(number)) number--;
    return number;
  }

  end(): void {
    this.ended = true;
  }

  private async fetch(number: number): Promise<Snapshot> {
    const { id, has_map } = this.model;
    const content = await (await get(`api/models/${id}/snapshots/${number}`)).arrayBuffer();
    const [samples, columns, reconstructions] = new Uint32Array(content, 0, 3);
    const size = (content.byteLength - 12) / (samples + reconstructions);
    return {
      map: has_map ? await pointMap(id, number) : null,
      plane: has_map ? await plane(id, number) : null,
      samples: new Uint8Array(content, 12, samples * size),
      columns,
      reconstructions: new Uint8Array(content, 12 + samples * size),
    };
  }
}

export interface ShownMap {
  map: PointMap | null;
  ellipses: Ellipse[][];
}

/** Interpolate between two maps of the same images, at a fraction from 0 to 1. */
export function interpolate(from: ShownMap, to: ShownMap, fraction: number): ShownMap {
  if (fraction >= 1 || !from.map || !to.map || from.map.points.length !== to.map.points.length) return to;
  const start = from.map.points;
  const points = to.map.points.map((end, i) => start[i] + fraction * (end - start[i]));
  const ellipses = to.ellipses.map((ring, r) =>
    ring.map((ellipse, c) => interpolateEllipse(from.ellipses[r]?.[c] ?? ellipse, ellipse, fraction)));
  return { map: { points, classes: to.map.classes }, ellipses };
}

function interpolateEllipse(from: Ellipse, to: Ellipse, fraction: number): Ellipse {
  const mix = (a: number, b: number): number => a + fraction * (b - a);
  // an ellipse looks the same after half a turn: take the smaller rotation
  const rotation = ((((to.angle - from.angle + Math.PI / 2) % Math.PI) + Math.PI) % Math.PI) - Math.PI / 2;
  return {
    x: mix(from.x, to.x), y: mix(from.y, to.y), major: mix(from.major, to.major), minor: mix(from.minor, to.minor),
    angle: from.angle + fraction * rotation,
  };
}
