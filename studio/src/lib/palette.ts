// Ten colours that stay apart for colour-blind eyes (after Tol, 2021), each with a glyph on the map.
const HEX = [
  "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee",
  "#aa3377", "#ee7733", "#009988", "#8b6fc9", "#a6761d",
];

export const colour = (index: number): string => HEX[index % HEX.length];

export const rgb: [number, number, number][] = Array.from({ length: 254 }, (_, i) => {
  const value = parseInt(colour(i).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
});

/** From green (as near to the data as most real images) through amber (as one in 25) to red (as one
 * in 200, or none). */
export function trustColour(trust: number): string {
  const part = Math.log(Math.max(trust, 0.005) / 0.005) / Math.log(0.3 / 0.005);
  return `hsl(${4 + 136 * Math.min(1, part)} 68% 42%)`;
}
