// Grids of images on a canvas, and all snapshots of a run in one picture.
import type { Model } from "../api";
import { Splat, type View } from "../splat";
import type { Snapshot } from "./snapshots.svelte";
import { thousands } from "../thousands";

const COLUMN_WIDTH = 220;
const SPACING = 8;
const TITLE_HEIGHT = 24;

/** Draw one column per snapshot: its step, its map, and its samples.
 *
 * @param view of the map on the screen, whose size in pixels is `width` x `height` */
export function snapshotStrip(
  model: Model,
  snapshots: (Snapshot & { step: number })[],
  view: View,
  width: number,
  height: number,
): HTMLCanvasElement {
  const grids = snapshots.map(({ samples, columns }) => {
    const grid = document.createElement("canvas");
    paintGrid(grid, samples, model.image_shape, columns);
    return grid;
  });
  const gridHeight = Math.ceil((COLUMN_WIDTH * grids[0].height) / grids[0].width);
  const top = TITLE_HEIGHT + (model.has_map ? COLUMN_WIDTH + SPACING : 0);
  const canvas = document.createElement("canvas");
  canvas.width = snapshots.length * (COLUMN_WIDTH + SPACING) - SPACING;
  canvas.height = top + gridHeight;
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.font = "14px system-ui";
  context.fillStyle = "#1c242e";
  const splat = new Splat();
  const tile = document.createElement("canvas");
  tile.width = tile.height = COLUMN_WIDTH;
  const tileView = { ...view, scale: view.scale * Math.min(COLUMN_WIDTH / width, COLUMN_WIDTH / height) };
  snapshots.forEach(({ map, step }, i) => {
    const left = i * (COLUMN_WIDTH + SPACING);
    context.fillText(thousands(step), left, 16);
    context.drawImage(grids[i], left, top, COLUMN_WIDTH, gridHeight);
    if (!map) return;
    splat.draw(tile.getContext("2d")!, map, tileView, 2);
    context.drawImage(tile, left, TITLE_HEIGHT);
  });
  return canvas;
}

/** Draw images in rows, one canvas pixel per image pixel, with lines of one pixel between them.
 *
 * @param pixels of one image after the other, row by row, channels last */
export function paintGrid(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  [channels, height, width]: [number, number, number],
  columns: number,
): void {
  const count = pixels.length / (channels * height * width);
  const gridWidth = columns * (width + 1) - 1;
  const gridHeight = Math.max(1, Math.ceil(count / columns) * (height + 1) - 1);
  if (canvas.width !== gridWidth) canvas.width = gridWidth;
  if (canvas.height !== gridHeight) canvas.height = gridHeight;
  const context = canvas.getContext("2d")!;
  const picture = context.createImageData(gridWidth, gridHeight);
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0];
  for (let i = 0, from = 0; i < count; i++) {
    const corner = Math.floor(i / columns) * (height + 1) * gridWidth + (i % columns) * (width + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0, to = 4 * (corner + y * gridWidth); x < width; x++, to += 4, from += channels) {
        picture.data[to] = pixels[from];
        picture.data[to + 1] = pixels[from + green];
        picture.data[to + 2] = pixels[from + blue];
        picture.data[to + 3] = 255;
      }
    }
  }
  context.putImageData(picture, 0, 0);
}
