// The layer of gaps over the map, which is seen coarsely at once and gets finer.
import { gapGridParts, type Box, type GapGrid, type Model } from "../api";
import { unbase64 } from "../base64";
import { Remaining } from "../remaining.svelte";

const CELLS = 64;
/** Cells from one to the next, of the first passes; the last one has all that are left. As the server goes. */
const STEPS = [16, 8, 4, 2];
/** Milliseconds between two pictures. */
const APART = 60;

interface Cell {
  row: number;
  column: number;
  /** of the square whose middle it is */
  half: number;
}

function coarseToFine(): Cell[] {
  const order: Cell[] = [];
  const left = new Uint8Array(CELLS ** 2).fill(1);
  for (const step of STEPS)
    for (let row = step / 2; row < CELLS; row += step)
      for (let column = step / 2; column < CELLS; column += step) {
        order.push({ row, column, half: step / 2 });
        left[CELLS * row + column] = 0;
      }
  left.forEach((is, i) => {
    if (is) order.push({ row: Math.floor(i / CELLS), column: i % CELLS, half: 0 });
  });
  return order;
}

const ORDER = coarseToFine();

export class Layer {
  grid = $state.raw<GapGrid | null>(null);
  /** how much of it is there; null: nothing is going on */
  share = $state<number | null>(null);
  trouble = $state("");
  readonly left = new Remaining();
  private stopper: AbortController | null = null;

  constructor(private readonly model: Model) {}

  clear(): void {
    this.stopper?.abort();
    this.grid = this.share = null;
    this.trouble = "";
  }

  /** Shows another one. */
  async show(definition: string, box: Box, plane: string): Promise<void> {
    this.clear(); // what it shows is not what is named
    const stopper = (this.stopper = new AbortController());
    this.share = 0;
    this.left.begin();
    try {
      const picture = new Picture();
      let painted = -APART;
      for await (const part of gapGridParts(this.model.id, definition, box, plane, stopper.signal)) {
        if (stopper.signal.aborted) return;
        picture.add(new Float32Array(unbase64(part.values).buffer));
        this.share = part.done / part.of;
        this.left.tell(this.share);
        if (picture.n && (this.share === 1 || performance.now() - painted > APART)) {
          this.grid = { box, cells: CELLS, values: picture.values.slice() };
          painted = performance.now();
        }
      }
    } catch (error) {
      if (!stopper.signal.aborted) this.trouble = (error as Error).message;
    }
    if (this.stopper === stopper) this.share = null;
  }
}

/** A grid that is filled from coarse to fine: a place that is not known yet has the value of the square it is in. */
class Picture {
  readonly values = new Float32Array(CELLS ** 2);
  /** values that are there */
  n = 0;
  private readonly known = new Uint8Array(CELLS ** 2);

  add(values: Float32Array): void {
    for (const value of values) {
      const { row, column, half } = ORDER[this.n++];
      for (let y = row - half; y < Math.max(row + half, row + 1); y++)
        for (let x = column - half; x < Math.max(column + half, column + 1); x++)
          if (!this.known[CELLS * y + x]) this.values[CELLS * y + x] = value;
      this.values[CELLS * row + column] = value;
      this.known[CELLS * row + column] = 1;
    }
  }
}
