/** Writes lists that may have millions of lines, without ever holding more than a few of them. */
import { whenDrained, type OutputStream } from './console.ts';

/** Written at once; a call to the system for every line would take most of the time. */
const CHUNK_CHARACTERS = 64 * 1024;

/**
 * Writes pieces of text as they come. Waits for a reader that is slow, and stops asking for more when it has gone away.
 */
export async function writePieces(
  out: OutputStream,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  let chunk = '';
  for await (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    out.write(chunk);
    chunk = '';
    await whenDrained([out]);
    if (isGone(out)) return;
  }
  if (chunk !== '') out.write(chunk);
}

function isGone(out: OutputStream): boolean {
  return 'destroyed' in out && out.destroyed === true;
}

/** The lines of a JSON array, an element a line, as `qemu-img map` prints it: `before[`, the elements, `]after`. */
export async function* jsonArray(
  elements: AsyncIterable<string> | Iterable<string>,
  before = '',
  after: () => string = () => '',
): AsyncGenerator<string> {
  let separator = `${before}[`;
  for await (const element of elements) {
    yield `${separator}${element}`;
    separator = ',\n';
  }
  yield `${separator === ',\n' ? '' : separator}]${after()}\n`;
}
