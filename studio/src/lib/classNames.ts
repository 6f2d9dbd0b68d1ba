// Places of the class names on a map: at the means of their classes, moved apart where they would overlap.

/** A name with its box; `x` and `y` are its centre, in pixels of the map. */
export interface PlacedName {
  label: number;
  text: string;
  x: number;
  y: number;
  width: number;
  height: number;
  /** the mean of the class */
  anchor: { x: number; y: number };
  long: boolean;
}

const LONGEST_NAME = 14;
const MARGIN = 4;
/** Names that can't be placed within this many turns around their mean are left out. */
const TURNS = 5;
const DIRECTIONS = 12;
/** More names than this aren't moved apart, which takes time: those that would overlap are left out. */
const MAX_MOVED = 60;

/** Shorten a class name by code points: an emoji has several UTF-16 units. */
const short = (name: string): string =>
  [...name].length > LONGEST_NAME ? `${[...name].slice(0, LONGEST_NAME - 1).join("")}…` : name;

const widths = new Map<string, number>();
let ruler: CanvasRenderingContext2D | null = null;

/** The width of bold text in pixels. */
function widthOf(text: string, size: number): number {
  const key = `${size} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    ruler ??= document.createElement("canvas").getContext("2d")!;
    ruler.font = `700 ${size}px system-ui`;
    width = ruler.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

/** Sizes of the names in pixels: short ones, such as digits, are larger. */
export const fontSize = (long: boolean, factor: number): number => (long ? 13 : 18) * factor;

/** Place the names of classes.
 *
 * @param means positions of the classes in pixels, by class number
 * @param names names of the classes
 * @param hidden whether a class is hidden
 * @param factor factor of the font size */
export function placeNames(means: { x: number; y: number }[], names: string[], hidden: (label: number) => boolean, factor: number): PlacedName[] {
  const placed: PlacedName[] = [];
  const shown = means.map((_, label) => label).filter((label) => !hidden(label) && names[label]);
  const directions = shown.length > MAX_MOVED ? 0 : DIRECTIONS;
  for (const label of shown) {
    const text = short(names[label]);
    const long = names[label].length > 2;
    const size = fontSize(long, factor);
    const name = { label, text, long, anchor: means[label], width: widthOf(text, size) + MARGIN, height: size + MARGIN, ...means[label] };
    if (find(name, placed, directions)) placed.push(name);
  }
  return placed;
}

/** Move a name away from the others, as little as possible; false if there is no place. */
function find(name: PlacedName, others: PlacedName[], directions: number): boolean {
  const isFree = (): boolean =>
    others.every((other) =>
      Math.abs(other.x - name.x) >= (other.width + name.width) / 2 || Math.abs(other.y - name.y) >= (other.height + name.height) / 2);
  if (isFree()) return true;
  for (let turn = 1; turn <= TURNS; turn++) {
    for (let i = 0; i < directions; i++) {
      const angle = (2 * Math.PI * (i + (turn % 2) / 2)) / directions;
      name.x = name.anchor.x + turn * 0.6 * name.height * Math.cos(angle) * Math.max(1, name.width / name.height / 2);
      name.y = name.anchor.y + turn * 0.6 * name.height * Math.sin(angle);
      if (isFree()) return true;
    }
  }
  return false;
}

/** The first of some places in pixels where a box covers no name and is inside the map; otherwise the first one. */
export function freePlace(places: { x: number; y: number }[], box: { width: number; height: number }, names: PlacedName[], map: { width: number; height: number }): { x: number; y: number } {
  const isFree = ({ x, y }: { x: number; y: number }): boolean =>
    x >= box.width / 2 && x <= map.width - box.width / 2 && y >= box.height / 2 && y <= map.height - box.height / 2
    && names.every((name) => Math.abs(name.x - x) >= (name.width + box.width) / 2 || Math.abs(name.y - y) >= (name.height + box.height) / 2);
  return places.find(isFree) ?? places[0];
}

/** The class whose name is at a position in pixels; null if there is none. */
export function nameAt(names: PlacedName[], x: number, y: number): number | null {
  const found = names.find((name) => Math.abs(name.x - x) <= name.width / 2 && Math.abs(name.y - y) <= name.height / 2);
  return found ? found.label : null;
}
