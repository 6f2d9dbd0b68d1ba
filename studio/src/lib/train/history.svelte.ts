// The moments of a run: fetched one after the other, the last one first, for a map follows the one
// after it; those that come while it trains, too; and what the screen shows between two of them.
import { SvelteMap } from "svelte/reactivity";
import { get, plane, pointMap, type Ellipse, type Model, type Plane, type PointMap } from "../api";

export interface Moment {
  /** null for a model without encoder */
  map: PointMap | null;
  flat: Plane | null;
  /** the samples' pixels, one after the other */
  samples: Uint8Array;
  columns: number;
  /** pixels of the reconstructions; empty for a model without encoder */
  rebuilt: Uint8Array;
}

export class History {
  /** of which these are the moments; it may have more of them by and by */
  model = $state.raw() as Model;
  readonly moments = new SvelteMap<number, Moment>();
  /** how many were asked for: one that is damaged is left out */
  done = $state(0);
  trouble = $state("");
  seconds = $state<number | null>(null);
  private readonly asked = new Set<number>();
  private busy = false;
  private ended = false;

  constructor(model: Model) {
    this.model = model;
  }

  get count(): number {
    return this.model.snapshots.length;
  }

  /** The training has gone on: what was fetched stays, unless another run took its place. */
  grow(model: Model): void {
    const same = this.model.snapshots.every((step, i) => model.snapshots[i] === step);
    if (!same) {
      this.moments.clear();
      this.asked.clear();
      this.done = 0;
    }
    this.model = model;
    this.load();
  }

  /** Fetches all moments that are not there; who is shown something else meanwhile does not wait. */
  async load(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const begun = performance.now();
    for (let n = 1, at = this.next(); at && !this.ended; n++, at = this.next()) {
      this.asked.add(at);
      try {
        this.moments.set(at, await this.fetch(at));
      } catch (error) {
        this.trouble = (error as Error).message;
      }
      this.done = this.asked.size;
      this.seconds = Math.ceil((((performance.now() - begun) / n) * (this.count - this.done)) / 1000);
    }
    this.busy = false;
  }

  /** The last one that was not asked for; 0: there is none. */
  private next(): number {
    let at = this.count;
    while (this.asked.has(at)) at--;
    return at;
  }

  end(): void {
    this.ended = true;
  }

  private async fetch(at: number): Promise<Moment> {
    const { id, has_map } = this.model;
    const content = await (await get(`/api/models/${id}/snapshots/${at}`)).arrayBuffer();
    const [samples, columns, rebuilt] = new Uint32Array(content, 0, 3);
    const size = (content.byteLength - 12) / (samples + rebuilt);
    return {
      map: has_map ? await pointMap(id, at) : null,
      flat: has_map ? await plane(id, at) : null,
      samples: new Uint8Array(content, 12, samples * size),
      columns,
      rebuilt: new Uint8Array(content, 12 + samples * size),
    };
  }
}

export interface Shown {
  map: PointMap | null;
  ellipses: Ellipse[][];
}

/** Between what is shown and a moment: `part` of the way, for maps of the same images. */
export function between(from: Shown, to: Shown, part: number): Shown {
  if (part >= 1 || !from.map || !to.map || from.map.points.length !== to.map.points.length) return to;
  const here = from.map.points;
  const points = to.map.points.map((there, i) => here[i] + part * (there - here[i]));
  const ellipses = to.ellipses.map((ring, r) => ring.map((one, c) => mixed(from.ellipses[r]?.[c] ?? one, one, part)));
  return { map: { points, classes: to.map.classes }, ellipses };
}

function mixed(from: Ellipse, to: Ellipse, part: number): Ellipse {
  const on = (a: number, b: number): number => a + part * (b - a);
  // an axis has no sense of direction: turn the shorter way
  const turn = ((((to.angle - from.angle + Math.PI / 2) % Math.PI) + Math.PI) % Math.PI) - Math.PI / 2;
  return {
    x: on(from.x, to.x), y: on(from.y, to.y), major: on(from.major, to.major), minor: on(from.minor, to.minor),
    angle: from.angle + part * turn,
  };
}
