/** A server's answer, with a body that can be read in bounds and whose errors are ours. */
import type { Dispatcher } from 'undici';
import { HyperfileError } from '../base/error.ts';
import type { RegistryResponse } from './client.ts';
import { connectionError } from './connection-error.ts';

/** A body that comes byte by byte is given up even so, when it is one that must be had whole. */
const WHOLE_BODY_MS = 120_000;
/** What is left of an unwanted body, up to here, is read so that the connection can be used again. */
const DISCARDED_BYTES = 128 << 10;
const DISCARD_MS = 1000;

export function answerOf(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  url: URL,
  signal: AbortSignal | undefined,
): RegistryResponse {
  // What goes wrong before anybody reads is told to whoever reads then.
  body.on('error', () => undefined);
  const pieces = readPieces(body, url, signal);
  return {
    status: statusCode,
    headers: plainHeaders(headers),
    url: url.href,
    body: pieces,
    bytes: (limitBytes) => wholeBody(pieces, body, limitBytes, url),
    discard: async () => {
      try {
        await body.dump({ limit: DISCARDED_BYTES, signal: AbortSignal.timeout(DISCARD_MS) });
        await connectionIsFree();
      } catch {
        body.destroy();
      }
    },
  };
}

/** undici gives a connection to the next request one turn later; one sent before would open another. */
const connectionIsFree = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* readPieces(
  body: Dispatcher.ResponseData['body'],
  url: URL,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
    await connectionIsFree();
  } catch (error) {
    throw connectionError(error, url, signal);
  }
}

async function wholeBody(
  pieces: AsyncIterable<Uint8Array>,
  body: Dispatcher.ResponseData['body'],
  limitBytes: number,
  url: URL,
): Promise<Uint8Array> {
  const tooSlow = new Error(`the answer took longer than ${WHOLE_BODY_MS / 1000} s`);
  const timer = setTimeout(() => body.destroy(tooSlow), WHOLE_BODY_MS);
  try {
    const taken: Uint8Array[] = [];
    let length = 0;
    for await (const piece of pieces) {
      length += piece.length;
      if (length > limitBytes)
        throw new HyperfileError('REGISTRY_ANSWER_TOO_LARGE', { data: { registry: url.host, limitBytes } });
      taken.push(piece);
    }
    return Buffer.concat(taken, length);
  } finally {
    clearTimeout(timer);
  }
}

/** A header that came several times is one with commas (RFC 9110, section 5.2). */
function plainHeaders(
  headers: Dispatcher.ResponseData['headers'],
): Readonly<Record<string, string | undefined>> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return Object.fromEntries(entries) as Record<string, string | undefined>;
}
