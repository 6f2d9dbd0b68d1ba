// Work that is spread over several frames, so that no single task blocks the page for long.
let last: Promise<void> = Promise.resolve();

/** Wait for a frame that no earlier caller has waited for. A hidden page has no frames, so it doesn't wait. */
export function ownFrame(): Promise<void> {
  last = last.then(() => (document.hidden ? undefined : new Promise((done) => requestAnimationFrame(() => done()))));
  return last;
}
