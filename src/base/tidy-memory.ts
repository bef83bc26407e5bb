/**
 * Buffers that a large content goes through are garbage a moment later, and V8 lets tens of megabytes of that gather before it
 * looks. Who streams content tells how much went by, and the young part of the heap is tidied after every few megabytes, which takes
 * about a millisecond. Where Node was started without --expose-gc nothing happens.
 */
const EVERY_BYTES = 2 * 1024 * 1024;

let since = 0;

/** So many bytes of content went by, in buffers that nobody will use again. */
export function bytesWentBy(count: number): void {
  since += count;
  if (since < EVERY_BYTES) return;
  since = 0;
  globalThis.gc?.({ type: 'minor' });
}
