// An image as text for the address: its shape, and its bytes deflated, as base64url. Whoever changed
// it by hand gets no image, however hostile it is.
import { base64, unbase64 } from "../base64";

type Shape = [number, number, number];

/** Letters that an image may take: any of 64 x 64 pixels in colour fits. */
export const LONGEST = 17_000;

/** Null where it takes too many letters. */
export async function pack(pixels: Uint8Array, shape: Shape): Promise<string | null> {
  const content = await through(pixels, new CompressionStream("deflate-raw"), LONGEST);
  const text = content && `${shape.join(".")}.${base64(content).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  return text && text.length <= LONGEST ? text : null;
}

/** Null where it is no image of that shape. */
export async function unpack(text: string, shape: Shape): Promise<Uint8Array | null> {
  const [, before, letters] = /^(\d+\.\d+\.\d+)\.([\w-]+)$/.exec(text) ?? [];
  if (before !== shape.join(".") || text.length > LONGEST) return null;
  const size = shape.reduce((product, one) => product * one);
  try {
    const bytes = unbase64(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const content = await through(bytes, new DecompressionStream("deflate-raw"), size);
    return content?.length === size ? content : null;
  } catch {
    return null;
  }
}

/** Null as soon as more bytes come out than wanted. */
async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream, most: number): Promise<Uint8Array | null> {
  const found: number[] = [];
  const reader = new Blob([bytes.slice()]).stream().pipeThrough(stream).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return Uint8Array.from(found);
    if (found.length + value.length > most) {
      await reader.cancel();
      return null;
    }
    for (const byte of value) found.push(byte);
  }
}
