// Arrays of numbers as base64 in the page's data, little endian.

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export const uint8Array = (base64: string): Uint8Array => bytesOf(base64);
export const float32Array = (base64: string): Float32Array => new Float32Array(bytesOf(base64).buffer);

/** The value of a 16-bit float. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

/** Decode 16-bit floats. */
export function float16Array(base64: string): Float32Array {
  const table = Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
  return Float32Array.from(new Uint16Array(bytesOf(base64).buffer), (bits) => table[bits]);
}
