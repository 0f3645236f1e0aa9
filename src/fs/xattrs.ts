/**
 * Extended attributes (file capabilities, ACLs). Node has no call for them: getfattr(1) and setfattr(1) read and write
 * many files' in one run. Where they are missing, there are no extended attributes to speak of.
 */
import { isHyperfileError } from '../base/error.ts';
import { runTool } from '../base/process.ts';

export interface Xattr {
  readonly name: string;
  /** Hex digits of the value, without a prefix. */
  readonly hex: string;
}

/** By host path; files without any are absent. */
export type XattrsByPath = Map<string, readonly Xattr[]>;

/** Well under the 2 MiB that Linux allows. */
const ARGUMENT_BYTES = 512 * 1024;
/** Attributes that belong to the file, not to the host it lies on (as security.selinux does). */
const KEPT = '^(user|trusted)\\.|^security\\.capability$|^system\\.posix_acl_';
const READ_ARGUMENTS = ['-h', '-d', '-m', KEPT, '-e', 'hex', '--absolute-names', '--'];

export function belongsToFile(name: string): boolean {
  return new RegExp(KEPT).test(name);
}

/** The attributes of many files, sorted by name; links are not followed. */
export async function readXattrs(hostPaths: readonly string[]): Promise<XattrsByPath> {
  const found: XattrsByPath = new Map();
  for (const batch of inBatches(hostPaths)) {
    try {
      // Status 1: a file vanished, or its file system has no such attributes.
      const { stdout } = await runTool('getfattr', [...READ_ARGUMENTS, ...batch], { accept: [0, 1] });
      parseDump(stdout, found);
    } catch (error) {
      if (isHyperfileError(error, 'TOOL_MISSING')) return found;
      throw error;
    }
  }
  return found;
}

/** @throws HyperfileError TOOL_MISSING, TOOL_FAILED */
export async function writeXattrs(attributes: XattrsByPath): Promise<void> {
  const dump = [...attributes]
    .filter(([, list]) => list.length > 0)
    .map(([path, list]) => dumpOne(path, list));
  if (dump.length > 0) await runTool('setfattr', ['-h', '--restore=-'], { input: dump.join('\n') });
}

/** Takes away all attributes that belong to the files. @throws HyperfileError TOOL_MISSING, TOOL_FAILED */
export async function removeXattrs(hostPaths: readonly string[]): Promise<void> {
  const byName = new Map<string, string[]>();
  for (const [path, list] of await readXattrs(hostPaths)) {
    for (const { name } of list) byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  for (const [name, paths] of byName) {
    const input = paths.map((path) => `${path}\0`).join('');
    await runTool('xargs', ['-0', 'setfattr', '-h', '-x', name, '--'], { input });
  }
}

function dumpOne(path: string, list: readonly Xattr[]): string {
  return `# file: ${quote(path)}\n${list.map(({ name, hex }) => `${quote(name, '=')}=0x${hex}\n`).join('')}`;
}

function parseDump(dump: string, into: XattrsByPath): void {
  for (const block of dump.split('\n\n')) {
    const [head, ...lines] = block.split('\n');
    const path = head?.startsWith('# file: ') ? unquote(head.slice('# file: '.length)) : undefined;
    const list = lines.flatMap(parseLine);
    if (path !== undefined && list.length > 0) into.set(path, list);
  }
}

function parseLine(line: string): Xattr[] {
  const [name = '', value = ''] = line.split('=', 2);
  return belongsToFile(name) ? [{ name: unquote(name), hex: value.replace(/^0x/, '') }] : [];
}

/** The dump's octal escapes. */
function quote(text: string, more = ''): string {
  return text.replace(/[\n\r\\=]/g, (character) =>
    character === '=' && more === ''
      ? character
      : '\\' + character.charCodeAt(0).toString(8).padStart(3, '0'),
  );
}

function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function* inBatches(paths: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    bytes += Buffer.byteLength(path) + 1;
    if (bytes > ARGUMENT_BYTES && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = Buffer.byteLength(path) + 1;
    }
    batch.push(path);
  }
  if (batch.length > 0) yield batch;
}
