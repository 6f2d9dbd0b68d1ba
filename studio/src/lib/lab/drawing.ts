// A distribution drawn by hand: cells of a square that are painted or not, as bits in base64url.
export const CELLS = 24;
export type Cells = Uint8Array;

export const blank = (): Cells => new Uint8Array(CELLS * CELLS);

export function write(cells: Cells): string {
  let bytes = "";
  for (let i = 0; i < cells.length; i += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = 2 * byte + cells[i + bit];
    bytes += String.fromCharCode(byte);
  }
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What makes no sense is blank. */
export function read(text: string): Cells {
  const cells = blank();
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    if (bytes.length !== cells.length / 8) return cells;
    for (let i = 0; i < cells.length; i++) cells[i] = (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  } catch {
    return blank();
  }
  return cells;
}

/** Paints, or wipes, about a cell. */
export function dab(cells: Cells, x: number, y: number, value: 0 | 1, radius = 1.1): void {
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) cells[row * CELLS + column] = value;
    }
  }
}

/** A few round blobs anywhere, for hands that can't draw. */
export function blobs(): Cells {
  const cells = blank();
  const count = 2 + Math.floor(4 * Math.random());
  for (let i = 0; i < count; i++) {
    const radius = 1.2 + 2 * Math.random();
    const place = (): number => radius + 1 + (CELLS - 2 * radius - 2) * Math.random();
    dab(cells, place(), place(), 1, radius);
  }
  return cells;
}
