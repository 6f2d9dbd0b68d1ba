// Whether the server responds. The cursor's socket detects it for the whole page; all other requests
// wait for the result.

let connected = Promise.resolve();
let resolveConnected: (() => void) | null = null;

export const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The server doesn't respond: requests wait from now on. */
export function markDisconnected(): void {
  if (!resolveConnected) connected = new Promise((resolve) => (resolveConnected = resolve));
}

/** The server responds and has its models open: waiting requests continue. */
export function markConnected(): void {
  resolveConnected?.();
  resolveConnected = null;
}

/** Milliseconds for the socket to notice that the server is gone, since a request may fail earlier. */
const DETECTION_DELAY = 250;

/** After a failed request: wait until the server responds. */
export const waitForServer = (): Promise<void> => sleep(DETECTION_DELAY).then(() => connected);

/** Before a request: wait until the server responds. */
export const whenConnected = (): Promise<void> => connected;
