/** Work that is done for the newest only: while some is going on, at most one waits, and who comes
 * later takes its place. */
export function latestOf<Given>(work: (given: Given) => Promise<void>): (given: Given) => void {
  let busy = false;
  let waiting: { given: Given } | null = null;
  return async (given) => {
    waiting = { given };
    if (busy) return;
    busy = true;
    while (waiting) {
      const next: { given: Given } = waiting;
      waiting = null;
      await work(next.given);
    }
    busy = false;
  };
}

/** Bytes as the server takes them in JSON. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** And back. */
export const unbase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
