// An image as text for the address: its shape, and its deflated bytes as base64url. An address can be
// edited by hand, so unpacking accepts nothing but an image of the expected size.
import { decodeBase64, encodeBase64 } from "../base64";

type Shape = [number, number, number];

/** Maximum number of characters; any colour image of 64 x 64 pixels fits. */
export const MAX_CHARACTERS = 17_000;

/** Encode an image as text; null if the text would be too long. */
export async function pack(pixels: Uint8Array, shape: Shape): Promise<string | null> {
  const content = await transform(pixels, new CompressionStream("deflate-raw"), MAX_CHARACTERS);
  const text = content && `${shape.join(".")}.${encodeBase64(content).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  return text && text.length <= MAX_CHARACTERS ? text : null;
}

/** The shape that a text states; null if it is not an image. */
export function statedShape(text: string): Shape | null {
  const [, ...numbers] = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})\.[\w-]+$/.exec(text) ?? [];
  return numbers.length ? (numbers.map(Number) as Shape) : null;
}

/** Decode a text; null if it is not an image of this shape. */
export async function unpack(text: string, shape: Shape): Promise<Uint8Array | null> {
  if (text.length > MAX_CHARACTERS || statedShape(text)?.join() !== shape.join()) return null;
  const letters = text.slice(text.lastIndexOf(".") + 1);
  const size = shape.reduce((product, axis) => product * axis);
  try {
    const bytes = decodeBase64(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const content = await transform(bytes, new DecompressionStream("deflate-raw"), size);
    return content?.length === size ? content : null;
  } catch {
    return null;
  }
}

/** Compress or decompress bytes; null as soon as the output exceeds the limit. */
async function transform(bytes: Uint8Array, stream: CompressionStream | DecompressionStream, limit: number): Promise<Uint8Array | null> {
  const output: number[] = [];
  const reader = new Blob([bytes.slice()]).stream().pipeThrough(stream).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return Uint8Array.from(output);
    if (output.length + value.length > limit) {
      await reader.cancel();
      return null;
    }
    for (const byte of value) output.push(byte);
  }
}
