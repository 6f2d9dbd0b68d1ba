// Strokes drawn by hand: as text for the address, and as pixels for a model.

export interface Stroke {
  /** #rrggbb */
  colour: string;
  /** x and y alternating, from 0 to 1 */
  points: number[];
}

type Shape = [number, number, number];

/** Width of a stroke as a share of the longer side: 2.2 pixels of an MNIST digit. */
const BRUSH = 0.078;
/** Approximate length of the longer side, in pixels, before downsampling. */
const FINE_PIXELS = 280;
const STEPS = 36 ** 2 - 1;

/** Round a coordinate to the precision of the text, so that a reloaded drawing is identical. */
export const quantize = (value: number): number => Math.round(Math.max(0, Math.min(1, value)) * STEPS) / STEPS;

/** Encode strokes as text: a colour, then two letters for each coordinate. */
export function encodeStrokes(strokes: Stroke[]): string {
  const letters = (value: number): string => Math.round(value * STEPS).toString(36).padStart(2, "0");
  return strokes.map((stroke) => stroke.colour.slice(1) + stroke.points.map(letters).join("")).join(".");
}

/** Decode strokes from text; invalid strokes are left out. */
export function decodeStrokes(text: string): Stroke[] {
  return text.split(".").flatMap((part) => {
    if (!/^[0-9a-f]{6}([0-9a-z]{4})+$/.test(part)) return [];
    const numbers = part.slice(6).match(/../g)!;
    return [{ colour: `#${part.slice(0, 6)}`, points: numbers.map((letters) => parseInt(letters, 36) / STEPS) }];
  });
}

/** Paint strokes on a canvas of any size. */
export function paintStrokes(context: CanvasRenderingContext2D, strokes: Stroke[]): void {
  const { width, height } = context.canvas;
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = BRUSH * Math.max(width, height);
  for (const { colour, points } of strokes) {
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(points[0] * width, points[1] * height);
    for (let i = 0; i < points.length; i += 2) context.lineTo(points[i] * width, points[i + 1] * height);
    context.stroke();
  }
}

/** A filled canvas whose size is a multiple of an image's.
 *
 * @param longerSide approximate length of its longer side in pixels */
export function fineCanvas([, height, width]: Shape, background: string, longerSide = FINE_PIXELS): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  const factor = Math.max(1, Math.round(longerSide / Math.max(height, width)));
  canvas.width = factor * width;
  canvas.height = factor * height;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}

export const greyOf = (red: number, green: number, blue: number): number => Math.round(0.299 * red + 0.587 * green + 0.114 * blue);

/** Downsample to an image by averaging: (height, width, channels), row by row. */
export function downsample(context: CanvasRenderingContext2D, [channels, height, width]: Shape): Uint8Array {
  const fineWidth = context.canvas.width;
  const factor = fineWidth / width;
  const { data } = context.getImageData(0, 0, fineWidth, context.canvas.height);
  const pixels = new Uint8Array(channels * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sums = [0, 0, 0];
      for (let dy = 0; dy < factor; dy++) {
        for (let dx = 0; dx < factor; dx++) {
          const at = 4 * ((y * factor + dy) * fineWidth + x * factor + dx);
          for (let c = 0; c < 3; c++) sums[c] += data[at + c];
        }
      }
      const mean = sums.map((sum) => sum / factor ** 2);
      const grey = greyOf(mean[0], mean[1], mean[2]);
      for (let c = 0; c < channels; c++) pixels[channels * (y * width + x) + c] = Math.round(channels === 3 ? mean[c] : grey);
    }
  }
  return pixels;
}
