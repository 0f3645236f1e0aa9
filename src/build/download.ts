/** ADD of a URL: the digest that its cache key needs, and the file when the step runs. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { HyperfileError } from '../base/error.ts';
import type { Download } from '../plan/step.ts';
import type { Workshop } from './workshop.ts';

export interface DownloadedFile {
  readonly content: Readable;
  /** From the server's Last-Modified. */
  readonly modifiedSeconds?: number;
}

const ANSWER_TIMEOUT_MS = 60_000;

/**
 * With a checksum the digest is known at once. Without, the server is asked whether the file is still the one whose
 * digest is remembered (ETag, Last-Modified); otherwise it is downloaded to learn its digest.
 */
export async function downloadDigest({ url, checksum }: Download, workshop: Workshop): Promise<string> {
  if (checksum !== undefined) return checkedSha256(checksum);
  const memo = `url-${createHash('sha256').update(url).digest('hex')}`;
  const known = parseMemo(await workshop.store.memoGet(memo));
  const headers = {
    ...(known?.etag && { 'If-None-Match': known.etag }),
    ...(known?.modified && { 'If-Modified-Since': known.modified }),
  };
  const response = await request(url, workshop.signal, headers);
  if (response.status === 304 && known) return known.digest;
  const hash = createHash('sha256');
  for await (const chunk of verified(bodyOf(response, url), undefined, url)) hash.update(chunk);
  const digest = `sha256:${hash.digest('hex')}`;
  const etag = response.headers.get('etag') ?? undefined;
  const modified = response.headers.get('last-modified') ?? undefined;
  await workshop.store.memoSet(memo, JSON.stringify({ digest, etag, modified }));
  return digest;
}

/**
 * The file itself. A checksum is verified while the bytes pass; the step fails before its layer is sealed.
 *
 * @throws HyperfileError BUILD_DOWNLOAD_FAILED, BUILD_CHECKSUM (as an error of the stream).
 */
export async function download({ url, checksum }: Download, workshop: Workshop): Promise<DownloadedFile> {
  const response = await request(url, workshop.signal, {});
  const body = bodyOf(response, url);
  const expected = checksum === undefined ? undefined : checkedSha256(checksum);
  const modified = Date.parse(response.headers.get('last-modified') ?? '');
  return {
    content: Readable.from(verified(body, expected, url)),
    ...(!Number.isNaN(modified) && { modifiedSeconds: modified / 1000 }),
  };
}

/** The last part of the URL's path: the file's name when the destination is a folder. */
export function fileNameOf(url: string): string {
  const name = decodeURIComponent(new URL(url).pathname.split('/').findLast((part) => part !== '') ?? '');
  if (name === '' || name === '.' || name === '..' || name.includes('/')) {
    throw new HyperfileError('BUILD_DOWNLOAD_FAILED', { data: { url, reason: 'its path names no file' } });
  }
  return name;
}

/** Passes the bytes on; a broken connection or a wrong digest becomes an error for people. */
async function* verified(body: Readable, expected: string | undefined, url: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of body) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw failed(url, error);
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (expected !== undefined && actual !== expected) {
    throw new HyperfileError('BUILD_CHECKSUM', { data: { url, actual, expected } });
  }
}

async function request(url: string, signal: AbortSignal, headers: Record<string, string>): Promise<Response> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(new Error('the server did not answer')), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, patience.signal]) });
    if (response.ok || response.status === 304) return response;
    throw new Error(`the server answered ${`${response.status} ${response.statusText}`.trim()}`);
  } catch (error) {
    if (signal.aborted) throw new HyperfileError('INTERRUPTED', { cause: error });
    throw failed(url, error);
  } finally {
    clearTimeout(timer);
  }
}

function failed(url: string, error: unknown): HyperfileError {
  const { cause, message } = error as Error;
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
  return new HyperfileError('BUILD_DOWNLOAD_FAILED', { data: { url, reason }, cause: error });
}

function bodyOf(response: Response, url: string): Readable {
  if (!response.body)
    throw new HyperfileError('BUILD_DOWNLOAD_FAILED', { data: { url, reason: 'the answer is empty' } });
  return Readable.fromWeb(response.body);
}

function checkedSha256(checksum: string): string {
  if (!/^sha256:[0-9a-f]{64}$/i.test(checksum))
    throw new HyperfileError('BUILD_BAD_CHECKSUM', { data: { checksum } });
  return checksum.toLowerCase();
}

interface DownloadMemo {
  readonly digest: string;
  readonly etag?: string;
  readonly modified?: string;
}

function parseMemo(text: string | undefined): DownloadMemo | undefined {
  if (text === undefined) return undefined;
  try {
    const memo = JSON.parse(text) as DownloadMemo;
    return typeof memo.digest === 'string' ? memo : undefined;
  } catch {
    return undefined;
  }
}
