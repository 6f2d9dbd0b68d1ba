// Whether the server is there: one socket, that of the pointer, finds that out for the whole page,
// and all others wait for what it says.

let back = Promise.resolve();
let done: (() => void) | null = null;

export const pause = (milliseconds: number): Promise<void> => new Promise((over) => setTimeout(over, milliseconds));

/** The server is gone: who asks for it waits. */
export function lost(): void {
  if (!done) back = new Promise((over) => (done = over));
}

/** It is there, and shows what it showed before. */
export function found(): void {
  done?.();
  done = null;
}

/** A request may fail before the socket notices. */
const BEFORE = 250;

/** Waits until a server that gave no answer is there. */
export const again = (): Promise<void> => pause(BEFORE).then(() => back);

/** The same for who has not asked yet. */
export const there = (): Promise<void> => back;
