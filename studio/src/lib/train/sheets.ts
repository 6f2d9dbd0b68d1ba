// All moments beside each other as one picture: the map above, samples below.
import type { Model } from "../api";
import { rgb } from "../palette";
import { Splat, type View } from "../splat";
import type { Moment } from "./history.svelte";

const SIDE = 220;
const GAP = 8;
const TEXT = 24;

/** @param view of the map on the screen, which is so many pixels wide and tall */
export function strip(
  model: Model,
  moments: (Moment & { step: number })[],
  view: View,
  wide: number,
  tall: number,
): HTMLCanvasElement {
  const sheets = moments.map(({ samples, columns }) => {
    const sheet = document.createElement("canvas");
    paintSheet(sheet, samples, model.image_shape, columns);
    return sheet;
  });
  const low = Math.ceil((SIDE * sheets[0].height) / sheets[0].width);
  const top = TEXT + (model.has_map ? SIDE + GAP : 0);
  const canvas = document.createElement("canvas");
  canvas.width = moments.length * (SIDE + GAP) - GAP;
  canvas.height = top + low;
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.font = "14px system-ui";
  context.fillStyle = "#1c242e";
  const splat = new Splat();
  const tile = document.createElement("canvas");
  tile.width = tile.height = SIDE;
  const small = { ...view, scale: view.scale * Math.min(SIDE / wide, SIDE / tall) };
  moments.forEach(({ map, step }, i) => {
    const left = i * (SIDE + GAP);
    context.fillText(step.toLocaleString("en"), left, 16);
    context.drawImage(sheets[i], left, top, SIDE, low);
    if (!map) return;
    splat.draw(tile.getContext("2d")!, map.points, map.classes, rgb, small, 2);
    context.drawImage(tile, left, TEXT);
  });
  return canvas;
}

/** Images one after the other, row by row, channels last, onto a canvas of their own pixels. */
export function paintSheet(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  [channels, height, width]: [number, number, number],
  columns: number,
): void {
  const count = pixels.length / (channels * height * width);
  const wide = columns * (width + 1) - 1;
  const tall = Math.max(1, Math.ceil(count / columns) * (height + 1) - 1);
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== tall) canvas.height = tall;
  const context = canvas.getContext("2d")!;
  const picture = context.createImageData(wide, tall);
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0];
  for (let i = 0, at = 0; i < count; i++) {
    const corner = Math.floor(i / columns) * (height + 1) * wide + (i % columns) * (width + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0, cell = 4 * (corner + y * wide); x < width; x++, cell += 4, at += channels) {
        picture.data[cell] = pixels[at];
        picture.data[cell + 1] = pixels[at + green];
        picture.data[cell + 2] = pixels[at + blue];
        picture.data[cell + 3] = 255;
      }
    }
  }
  context.putImageData(picture, 0, 0);
}
