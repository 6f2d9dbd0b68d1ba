// The layer of gaps on the map. It is computed from coarse to fine, so that a first version appears soon.
import { gapGridParts, type Box, type GapGrid, type Model } from "../api";
import { decodeBase64 } from "../base64";
import { Eta } from "../eta.svelte";

const CELLS = 64;
/** Cell spacing of the first passes; the last pass fills in the rest. The server uses the same order. */
const STEPS = [16, 8, 4, 2];
/** Milliseconds between two paints. */
const PAINT_INTERVAL = 60;

interface Cell {
  row: number;
  column: number;
  /** half the side of the square that the cell stands for until its neighbours arrive */
  half: number;
}

function coarseToFine(): Cell[] {
  const order: Cell[] = [];
  const missing = new Uint8Array(CELLS ** 2).fill(1);
  for (const step of STEPS)
    for (let row = step / 2; row < CELLS; row += step)
      for (let column = step / 2; column < CELLS; column += step) {
        order.push({ row, column, half: step / 2 });
        missing[CELLS * row + column] = 0;
      }
  missing.forEach((is, i) => {
    if (is) order.push({ row: Math.floor(i / CELLS), column: i % CELLS, half: 0 });
  });
  return order;
}

let cells: Cell[] | null = null;
/** The cells in the order in which the server sends them. */
const order = (): Cell[] => (cells ??= coarseToFine());

export class GapLayer {
  grid = $state.raw<GapGrid | null>(null);
  /** share that is computed; null when idle */
  share = $state<number | null>(null);
  errorMessage = $state("");
  readonly left = new Eta();
  private abort: AbortController | null = null;

  constructor(private readonly model: Model) {}

  clear(): void {
    this.abort?.abort();
    this.grid = this.share = null;
    this.errorMessage = "";
  }

  /** Compute and show the layer of a definition of gaps. */
  async show(definition: string, box: Box, planeName: string): Promise<void> {
    this.clear(); // the old layer must not appear under the new name
    const abort = (this.abort = new AbortController());
    this.share = 0;
    this.left.begin();
    try {
      const raster = new Raster();
      let painted = -PAINT_INTERVAL;
      for await (const part of gapGridParts(this.model.id, definition, box, planeName, abort.signal)) {
        if (abort.signal.aborted) return;
        raster.add(new Float32Array(decodeBase64(part.values).buffer));
        this.share = part.done / part.of;
        this.left.update(this.share);
        if (raster.count && (this.share === 1 || performance.now() - painted > PAINT_INTERVAL)) {
          this.grid = { box, cells: CELLS, values: raster.values.slice() };
          painted = performance.now();
        }
      }
    } catch (error) {
      if (!abort.signal.aborted) this.errorMessage = (error as Error).message;
    }
    if (this.abort === abort) this.share = null;
  }
}

/** A grid that is filled from coarse to fine: a missing cell has the value of the square it is in. */
class Raster {
  readonly values = new Float32Array(CELLS ** 2);
  /** number of cells that are known */
  count = 0;
  private readonly known = new Uint8Array(CELLS ** 2);

  add(values: Float32Array): void {
    for (const value of values) {
      const { row, column, half } = order()[this.count++];
      for (let y = row - half; y < Math.max(row + half, row + 1); y++)
        for (let x = column - half; x < Math.max(column + half, column + 1); x++)
          if (!this.known[CELLS * y + x]) this.values[CELLS * y + x] = value;
      this.values[CELLS * row + column] = value;
      this.known[CELLS * row + column] = 1;
    }
  }
}
