/** Pipes and device nodes: Node cannot make them, mknod(1) and mkfifo(1) can. Many are made by one call. */
import { linkSync } from 'node:fs';
import { runTool } from '../base/process.ts';
import { finishNode, type Attributes } from './attributes.ts';

export interface SpecialFile {
  readonly kind: 'pipe' | 'character-device' | 'block-device';
  readonly major: number;
  readonly minor: number;
  readonly attributes: Attributes;
}

/** What still has to be made, by host path. */
export class SpecialFiles {
  /** Names of one file lead to one object. */
  readonly #waiting = new Map<string, SpecialFile>();

  add(hostPath: string, file: SpecialFile): void {
    this.#waiting.set(hostPath, file);
  }

  /** One more name of the file at `source`; false when that is none of those that wait. */
  addLink(hostPath: string, source: string): boolean {
    const file = this.#waiting.get(source);
    if (file) this.#waiting.set(hostPath, file);
    return file !== undefined;
  }

  has(hostPath: string): boolean {
    return this.#waiting.has(hostPath);
  }

  paths(): string[] {
    return [...this.#waiting.keys()];
  }

  /** Something else takes the name. */
  forget(hostPath: string): void {
    this.#waiting.delete(hostPath);
  }

  /** @throws HyperfileError TOOL_MISSING, TOOL_FAILED */
  async make(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const names = Map.groupBy(this.#waiting, ([, file]) => file);
    const files = [...names].map(([file, [[path]]]) => [path, file] as const);
    this.#waiting.clear();
    await makeEach(
      ['-0', 'mkfifo', '--'],
      files.filter(([, { kind }]) => kind === 'pipe').map(([path]) => [path]),
    );
    await makeEach(
      ['-0', '-n', '4', 'mknod'],
      files
        .filter(([, { kind }]) => kind !== 'pipe')
        .map(([path, { kind, major, minor }]) => [path, kind[0] ?? '', `${major}`, `${minor}`]),
    );
    for (const [path, { attributes }] of files) finishNode(path, attributes);
    for (const [[first], ...others] of names.values()) for (const [path] of others) linkSync(first, path);
  }
}

async function makeEach(
  xargs: readonly string[],
  argumentLists: readonly (readonly string[])[],
): Promise<void> {
  if (argumentLists.length === 0) return;
  await runTool('xargs', xargs, { input: argumentLists.flat().join('\0') + '\0' });
}

/** Linux's dev_t (makedev(3)), as stat gives it. */
export function deviceNumbers(device: number): { readonly major: number; readonly minor: number } {
  const high = Math.floor(device / 2 ** 32);
  const low = device >>> 0;
  return {
    major: ((low >>> 8) & 0xfff) | (high & 0xfffff000),
    minor: (low & 0xff) | ((low >>> 12) & 0xfff00),
  };
}
