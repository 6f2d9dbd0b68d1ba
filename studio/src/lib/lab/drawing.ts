// A distribution drawn by hand: a square grid of painted and empty cells, in the address as base64url.
export const CELLS = 24;
export type Cells = Uint8Array;

export const emptyCells = (): Cells => new Uint8Array(CELLS * CELLS);

/** Encode cells as bits. */
export function encodeCells(cells: Cells): string {
  let bytes = "";
  for (let i = 0; i < cells.length; i += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = 2 * byte + cells[i + bit];
    bytes += String.fromCharCode(byte);
  }
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Decode cells; an invalid text gives empty cells. */
export function decodeCells(text: string): Cells {
  const cells = emptyCells();
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    if (bytes.length !== cells.length / 8) return cells;
    for (let i = 0; i < cells.length; i++) cells[i] = (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  } catch {
    return emptyCells();
  }
  return cells;
}

/** Paint (1) or erase (0) the cells within a radius. */
export function brush(cells: Cells, x: number, y: number, value: 0 | 1, radius = 1.1): void {
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) cells[row * CELLS + column] = value;
    }
  }
}

/** Paint two to five discs at random places. */
export function randomBlobs(): Cells {
  const cells = emptyCells();
  const count = 2 + Math.floor(4 * Math.random());
  for (let i = 0; i < count; i++) {
    const radius = 1.2 + 2 * Math.random();
    const coordinate = (): number => radius + 1 + (CELLS - 2 * radius - 2) * Math.random();
    brush(cells, coordinate(), coordinate(), 1, radius);
  }
  return cells;
}
