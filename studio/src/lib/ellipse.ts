// Ellipses of Gaussians on the map.
import type { Ellipse } from "./api";

/** Standard deviations within which a click selects a Gaussian. */
const CLICK_SIGMAS = 2;

/** The Mahalanobis distance of a point from the centre of an ellipse at one standard deviation. */
export function mahalanobis(ellipse: Ellipse, x: number, y: number): number {
  const cos = Math.cos(ellipse.angle);
  const sin = Math.sin(ellipse.angle);
  const along = cos * (x - ellipse.x) + sin * (y - ellipse.y);
  const across = cos * (y - ellipse.y) - sin * (x - ellipse.x);
  return Math.hypot(along / ellipse.major, across / ellipse.minor);
}

/** The class whose Gaussian is closest to a point, in standard deviations; null outside all ellipses. */
export function gaussianAt([ellipses = []]: Ellipse[][], x: number, y: number): number | null {
  const distances = ellipses.map((ellipse) => mahalanobis(ellipse, x, y));
  const least = Math.min(...distances);
  return least <= CLICK_SIGMAS ? distances.indexOf(least) : null;
}
