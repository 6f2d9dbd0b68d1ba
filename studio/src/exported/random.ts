// Latents from N(0, I) as a function of numbers, so that a link shows the same images again.

/** Mix the bits of an integer (the finalizer of MurmurHash3 by Austin Appleby, in the public domain). */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

/** Draw n numbers from N(0, 1), by the method of Box and Muller (1958).
 *
 * @param key integers that determine the numbers */
export function normals(n: number, ...key: number[]): Float32Array {
  let state = 0x9e3779b9;
  for (const part of key) state = mix(state + Math.imul(part, 0x632be59b) + 0x7f4a7c15);
  /** between 0 and 1, both excluded */
  const uniform = (): number => ((mix((state = (state + 0x9e3779b9) | 0)) >>> 0) + 0.5) / 2 ** 32;
  const values = new Float32Array(n);
  for (let i = 0; i < n; i += 2) {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(uniform())), 2 * Math.PI * uniform()];
    values[i] = radius * Math.cos(angle);
    if (i + 1 < n) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** The latent of a point of a lattice of random latents, as in the studio: at integer coordinates it is drawn from
 * N(0, I); in between, four latents are blended so that the distribution is the same. */
export function latticeLatent(x: number, y: number, latentDim: number, seed: number): Float32Array {
  const z = new Float32Array(latentDim);
  const [left, low] = [Math.floor(x), Math.floor(y)];
  let squares = 0;
  for (const dx of [0, 1]) {
    for (const dy of [0, 1]) {
      const weight = Math.abs(1 - dx - (x - left)) * Math.abs(1 - dy - (y - low));
      if (weight === 0) continue;
      const corner = normals(latentDim, seed, left + dx, low + dy);
      for (let d = 0; d < latentDim; d++) z[d] += weight * corner[d];
      squares += weight * weight;
    }
  }
  return z.map((value) => value / Math.sqrt(squares));
}
