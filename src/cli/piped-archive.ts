/** Archives on standard input and output: they lie in a file of the store meanwhile, which nobody needs to hear of. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HyperfileError, isHyperfileError, systemCode, type ErrorData } from '../base/error.ts';
import type { Store } from '../store/store.ts';
import type { Console } from './console.ts';

/** Works with a file that holds all of standard input, and is gone afterwards. */
export function withInputFile<T>(
  console: Console,
  io: { readonly store: Store; readonly signal: AbortSignal },
  work: (file: string) => Promise<T>,
): Promise<T> {
  return withTemporaryFile(io.store, 'standard input', async (file) => {
    await pipeline(Readable.from(console.input), createWriteStream(file), { signal: io.signal }).catch(
      interruptedBy(io.signal),
    );
    return work(file);
  });
}

/**
 * Works with a file whose content goes to standard output once the work is done.
 *
 * @throws HyperfileError CLI_OUTPUT_FILE, and what the work throws
 */
export function withOutputFile<T>(
  console: Console,
  io: { readonly store: Store; readonly signal: AbortSignal },
  work: (file: string) => Promise<T>,
): Promise<T> {
  return withTemporaryFile(io.store, 'standard output', async (file) => {
    const result = await work(file);
    try {
      await pipeline(createReadStream(file), console.out, { end: false, signal: io.signal });
    } catch (error) {
      if (io.signal.aborted) throw new HyperfileError('INTERRUPTED');
      const problem = systemCode(error) ?? String(error);
      throw new HyperfileError('CLI_OUTPUT_FILE', { data: { path: 'standard output', problem } });
    }
    return result;
  });
}

async function withTemporaryFile<T>(
  store: Store,
  called: string,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const lease = await store.lease();
  const file = store.temporaryPath();
  try {
    return await work(file);
  } catch (error) {
    throw renamed(error, file, called);
  } finally {
    await rm(file, { force: true });
    lease.release();
  }
}

/** The same error about what people know the file as. */
function renamed(error: unknown, file: string, called: string): unknown {
  if (!isHyperfileError(error)) return error;
  const rename = (text: string) => text.replaceAll(`oci-archive:${file}`, called).replaceAll(file, called);
  const data: ErrorData = Object.fromEntries(
    Object.entries(error.data).map(([key, value]) => [
      key,
      typeof value === 'string' ? rename(value) : value,
    ]),
  );
  const { code, at, cause, hint } = error;
  return new HyperfileError(code, { data, cause, hint: rename(hint), ...(at !== undefined && { at }) });
}

function interruptedBy(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    throw signal.aborted ? new HyperfileError('INTERRUPTED') : error;
  };
}
