// Ellipses of Gaussians on the map.
import type { Ellipse } from "./api";

const FARTHEST = 2;

/** How many standard deviations of a Gaussian lie between its centre and a place. */
export function deviations(one: Ellipse, x: number, y: number): number {
  const cos = Math.cos(one.angle);
  const sin = Math.sin(one.angle);
  const along = cos * (x - one.x) + sin * (y - one.y);
  const across = cos * (y - one.y) - sin * (x - one.x);
  return Math.hypot(along / one.major, across / one.minor);
}

/** The class whose Gaussian a click at a place means: that with the fewest deviations to it; null
 * where it is beyond the second ellipse of all. */
export function gaussianAt([first = []]: Ellipse[][], x: number, y: number): number | null {
  const away = first.map((one) => deviations(one, x, y));
  const nearest = Math.min(...away);
  return nearest <= FARTHEST ? away.indexOf(nearest) : null;
}
