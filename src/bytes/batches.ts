/** Small pieces of a stream made into large ones: each costs a call, a message and a write. */

/** @returns the stream in pieces of `batchBytes` (the last has fewer), each in memory of its own */
export async function* inBatches(
  stream: AsyncIterable<Uint8Array>,
  batchBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let batch = Buffer.allocUnsafeSlow(batchBytes);
  let length = 0;
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const piece of stream) {
      for (let at = 0; at < piece.length;) {
        const count = Math.min(piece.length - at, batchBytes - length);
        batch.set(piece.subarray(at, at + count), length);
        at += count;
        length += count;
        if (length < batchBytes) continue;
        yield batch;
        batch = Buffer.allocUnsafeSlow(batchBytes);
        length = 0;
      }
    }
  } catch (error) {
    failure = { error };
  }
  // What came before something went wrong is there all the same.
  if (length > 0) yield batch.subarray(0, length);
  if (failure !== undefined) throw failure.error;
}
