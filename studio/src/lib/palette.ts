// Ten colours that are distinguishable with colour blindness (after Tol, 2021); on the map each also has
// a glyph.
const HEX = [
  "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee",
  "#aa3377", "#ee7733", "#009988", "#8b6fc9", "#a6761d",
];

export const colour = (index: number): string => HEX[index % HEX.length];

/** Red, green and blue of each class number; grey without a class (255). */
export const rgb = Float32Array.from({ length: 3 * 256 }, (_, i) => {
  if (i >= 3 * 255) return 127;
  return (parseInt(colour(Math.floor(i / 3)).slice(1), 16) >> (16 - 8 * (i % 3))) & 255;
});
