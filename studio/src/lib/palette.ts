// Colours of the classes and of the gap layer. They were chosen together, so that any two of them are as
// far apart as possible (CIEDE2000) for normal vision, protanopia and deuteranopia; a test measures this.
// Ten classes can't all be far apart with colour blindness, so the map also has their names.
import PALETTE from "./palette.json";

export const colour = (index: number): string => PALETTE.classes[index % PALETTE.classes.length];

const channel = (hex: string, i: number): number => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);

const classChannels = PALETTE.classes.flatMap((hex) => [0, 1, 2].map((i) => channel(hex, i)));
/** Red, green and blue of each class number; grey without a class (255). */
export const rgb = Float32Array.from({ length: 3 * 256 }, (_, i) => (i >= 3 * 255 ? 127 : classChannels[i % classChannels.length]));

/** Shares of held-out images that are less unusual, at which the gap layer starts, and at which a place is a gap. */
const GAP_LOW = 0.5;
const GAP_HIGH = 0.99;

/** Red, green, blue and opacity (0 to 255) of the gap layer: clear below the median, then blue that grows
 * stronger, then orange.
 *
 * @param value share of held-out images that are less unusual */
export function gapColour(value: number, dark: boolean): [number, number, number, number] {
  const { edge, gap } = PALETTE.gaps[dark ? "dark" : "light"];
  const [hex, opacity] = (value >= GAP_HIGH ? gap : edge) as [string, number];
  const strength = value >= GAP_HIGH ? 1 : Math.max(0, (value - GAP_LOW) / (GAP_HIGH - GAP_LOW)) ** 2;
  return [channel(hex, 0), channel(hex, 1), channel(hex, 2), 255 * opacity * strength];
}

/** The same colour for CSS. */
export function gapSwatch(value: number, dark: boolean): string {
  const [r, g, b, alpha] = gapColour(value, dark);
  return `rgb(${r} ${g} ${b} / ${(alpha / 255).toFixed(2)})`;
}
