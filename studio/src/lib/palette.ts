// Ten colours that stay apart for colour-blind eyes (after Tol, 2021), each with a glyph on the map.
const HEX = [
  "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee",
  "#aa3377", "#ee7733", "#009988", "#8b6fc9", "#a6761d",
];

export const colour = (index: number): string => HEX[index % HEX.length];

/** Red, green and blue of each class number; grey for what has no class (255). */
export const rgb = Float32Array.from({ length: 3 * 256 }, (_, i) => {
  if (i >= 3 * 255) return 127;
  return (parseInt(colour(Math.floor(i / 3)).slice(1), 16) >> (16 - 8 * (i % 3))) & 255;
});

/** From green (as near to the data as most real images) through amber (as one in 25) to red (as one
 * in 200, or none). */
export function trustColour(trust: number): string {
  const part = Math.log(Math.max(trust, 0.005) / 0.005) / Math.log(0.3 / 0.005);
  return `hsl(${4 + 136 * Math.min(1, part)} 68% 42%)`;
}
