/** Secrets of a build: where each is read from, and what it holds, which nobody is told but who asked for it. */
import { open } from 'node:fs/promises';
import { HyperfileError, systemCode } from '../base/error.ts';

/** As `--secret` says it. */
export type SecretSource =
  { readonly type: 'file'; readonly path: string } | { readonly type: 'env'; readonly variable: string };

/** As Docker has it. */
const MAX_SECRET_BYTES = 500 * 1024;

/**
 * What a secret holds, as text: UTF-8, or UTF-16 where a byte order mark says so (as Windows PowerShell writes files).
 *
 * @throws HyperfileError SECRET_NOT_FOUND, SECRET_UNREADABLE, SECRET_TOO_LARGE, SECRET_NO_VARIABLE, SECRET_ENCODING
 */
export async function readSecret(
  id: string,
  source: SecretSource,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  if (source.type === 'file') return decode(id, await readBytes(id, source.path));
  const { variable } = source;
  const text = env[variable];
  if (text === undefined) throw new HyperfileError('SECRET_NO_VARIABLE', { data: { id, variable } });
  return text;
}

async function readBytes(id: string, path: string): Promise<Buffer> {
  const chunk = Buffer.alloc(MAX_SECRET_BYTES + 1);
  let length = 0;
  try {
    const file = await open(path);
    try {
      for (let read = -1; read !== 0 && length < chunk.length; length += read)
        read = (await file.read(chunk, length)).bytesRead;
    } finally {
      await file.close();
    }
  } catch (cause) {
    const problem = systemCode(cause) ?? String(cause);
    const code = problem === 'ENOENT' ? 'SECRET_NOT_FOUND' : 'SECRET_UNREADABLE';
    throw new HyperfileError(code, { data: { id, path, problem }, cause });
  }
  if (length <= MAX_SECRET_BYTES) return chunk.subarray(0, length);
  throw new HyperfileError('SECRET_TOO_LARGE', { data: { id, path, limitBytes: MAX_SECRET_BYTES } });
}

function decode(id: string, bytes: Buffer): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  try {
    return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HyperfileError('SECRET_ENCODING', { data: { id } });
  }
}
