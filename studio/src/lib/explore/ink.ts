// What is drawn by hand: strokes, as text for the address, and as pixels as a model sees them.

export interface Stroke {
  /** #rrggbb */
  colour: string;
  /** x, y, x, y ... from 0 to 1 */
  points: number[];
}

type Shape = [number, number, number];

/** Width of a stroke, as a share of the longer side: 2.2 pixels of a digit. */
const BRUSH = 0.078;
/** Pixels of the longer side before they are averaged, about. */
const FINE = 280;
const STEPS = 36 ** 2 - 1;

/** The nearest place that text can say: what is drawn is what the address draws again. */
export const sayable = (value: number): number => Math.round(Math.max(0, Math.min(1, value)) * STEPS) / STEPS;

/** Strokes as text: a colour, and two letters for each number. */
export function write(strokes: Stroke[]): string {
  const letters = (value: number): string => Math.round(value * STEPS).toString(36).padStart(2, "0");
  return strokes.map((one) => one.colour.slice(1) + one.points.map(letters).join("")).join(".");
}

/** Strokes from text; what makes no sense is left out. */
export function read(text: string): Stroke[] {
  return text.split(".").flatMap((part) => {
    if (!/^[0-9a-f]{6}([0-9a-z]{4})+$/.test(part)) return [];
    const numbers = part.slice(6).match(/../g)!;
    return [{ colour: `#${part.slice(0, 6)}`, points: numbers.map((two) => parseInt(two, 36) / STEPS) }];
  });
}

/** Paints strokes on a canvas of any size. */
export function ink(context: CanvasRenderingContext2D, strokes: Stroke[]): void {
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

/** A canvas some whole times as large as an image. */
export function sheet([, height, width]: Shape, ground: string): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  const times = Math.max(1, Math.round(FINE / Math.max(height, width)));
  canvas.width = times * width;
  canvas.height = times * height;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}

/** The mean of each pixel's square: row by row, channels last. */
export function averaged(context: CanvasRenderingContext2D, [channels, height, width]: Shape): Uint8Array {
  const fine = context.canvas.width;
  const times = fine / width;
  const { data } = context.getImageData(0, 0, fine, context.canvas.height);
  const pixels = new Uint8Array(channels * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sums = [0, 0, 0];
      for (let dy = 0; dy < times; dy++) {
        for (let dx = 0; dx < times; dx++) {
          const at = 4 * ((y * times + dy) * fine + x * times + dx);
          for (let c = 0; c < 3; c++) sums[c] += data[at + c];
        }
      }
      const mean = sums.map((sum) => sum / times ** 2);
      const grey = 0.299 * mean[0] + 0.587 * mean[1] + 0.114 * mean[2];
      for (let c = 0; c < channels; c++) pixels[channels * (y * width + x) + c] = Math.round(channels === 3 ? mean[c] : grey);
    }
  }
  return pixels;
}

/** As the digits of MNIST were made: what is bright fits a box of 20 of 28 pixels, and its centre
 * of mass is the middle. */
export function centred(context: CanvasRenderingContext2D): CanvasRenderingContext2D {
  const { canvas } = context;
  const { width, height } = canvas;
  const box = massOf(context);
  if (!box) return context;
  const scale = ((20 / 28) * width) / Math.max(box.right - box.left, box.low - box.top);
  const middle = canvas.cloneNode() as HTMLCanvasElement;
  const centre = middle.getContext("2d", { willReadFrequently: true })!;
  centre.fillRect(0, 0, width, height);
  centre.imageSmoothingQuality = "high";
  centre.drawImage(canvas, width / 2 - box.x * scale, height / 2 - box.y * scale, scale * width, scale * height);
  return centre;
}

/** Where the bright pixels are; null where there are none. */
function massOf(context: CanvasRenderingContext2D): { left: number; right: number; top: number; low: number; x: number; y: number } | null {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const found = { left: width, right: 0, top: height, low: 0, x: 0, y: 0 };
  let mass = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[4 * (y * width + x)];
      if (!value) continue;
      mass += value;
      found.x += value * (x + 0.5);
      found.y += value * (y + 0.5);
      found.left = Math.min(found.left, x);
      found.right = Math.max(found.right, x + 1);
      found.top = Math.min(found.top, y);
      found.low = y + 1;
    }
  }
  return mass ? { ...found, x: found.x / mass, y: found.y / mass } : null;
}
