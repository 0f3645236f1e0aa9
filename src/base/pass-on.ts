/** Output on its way from a program to whoever shows it. */
import type { Readable } from 'node:stream';

/** Takes a chunk; a promise says when the next one may come. */
export type TakeChunk = (chunk: Buffer) => void | Promise<void>;

/**
 * Hands on what a program prints no faster than it is taken, so that a slow reader does not fill the memory. When the
 * signal fires nobody waits any more: the program's end must be seen.
 */
export function passOn(source: Readable, take: TakeChunk, signal?: AbortSignal): void {
  source.on('data', (chunk: Buffer) => {
    const taken = take(chunk);
    if (taken === undefined || signal?.aborted) return;
    source.pause();
    void taken.then(() => source.resume());
  });
  signal?.addEventListener('abort', () => source.resume(), { once: true });
}
