/** A real NTFS volume for tests, mounted with lowntfs-3g, and the reparse points that only Windows makes otherwise. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';

export const NTFS_NEEDS = ['root', '/dev/fuse', 'lowntfs-3g', 'mkntfs', 'setfattr', 'getfattr'];

const MIB = 1024 ** 2;

/** How names are looked up: as the stand-in of Hyper-V and Windows do (any spelling finds a file), or by the letter. */
export type NtfsNames = 'ignoring case' | 'by the letter';

const OPTIONS: Readonly<Record<NtfsNames, string>> = {
  'ignoring case': 'ignore_case,windows_names',
  'by the letter': 'windows_names',
};

/** Mounts one volume for the tests of a file; gives empty folders of it, each as good as a volume of its own. */
export function ntfsVolume(names: NtfsNames): { root: string; folder(): string } {
  const scratch = mkdtempSync(path.join(tmpdir(), 'hyperfile-ntfs-'));
  const root = path.join(scratch, 'volume');
  let count = 0;
  beforeAll(() => {
    const image = path.join(scratch, 'ntfs.raw');
    writeFileSync(image, '');
    truncateSync(image, 64 * MIB);
    execFileSync('mkntfs', ['--quick', '--force', '--quiet', image], { stdio: 'ignore' });
    mkdirSync(root);
    execFileSync('lowntfs-3g', ['-o', OPTIONS[names], image, root]);
  });
  afterAll(() => {
    execFileSync('umount', [root]);
    rmSync(scratch, { recursive: true });
  });
  return {
    root,
    folder: () => {
      const folder = path.join(root, `volume-${++count}`);
      mkdirSync(folder);
      return folder;
    },
  };
}

/** A junction or a mounted volume; `target` as the kernel writes it, `\??\C:\x`. */
export function makeJunction(hostPath: string, target: string): void {
  const shown = target.replace('\\??\\', '');
  const [substitute, print] = [Buffer.from(target, 'utf16le'), Buffer.from(shown, 'utf16le')];
  const end = Buffer.alloc(2);
  const head = words(0, substitute.length, substitute.length + 2, print.length);
  mkdirSync(hostPath);
  setReparseData(hostPath, 0xa000_0003, Buffer.concat([head, substitute, end, print, end]));
}

/** A symbolic link as mklink makes it. */
export function makeWindowsLink(hostPath: string, target: string, type: 'dir' | 'file' = 'file'): void {
  const name = Buffer.from(target, 'utf16le');
  const isRelative = !target.startsWith('\\??\\');
  const head = words(0, name.length, 0, name.length, isRelative ? 1 : 0, 0);
  if (type === 'dir') mkdirSync(hostPath);
  else writeFileSync(hostPath, '');
  setReparseData(hostPath, 0xa000_000c, Buffer.concat([head, name]));
}

/** Any other kind. */
export function makeReparsePoint(hostPath: string, tag: number, type: 'dir' | 'file' = 'file'): void {
  if (type === 'dir') mkdirSync(hostPath);
  else writeFileSync(hostPath, '');
  setReparseData(hostPath, tag, Buffer.alloc(16));
}

function setReparseData(hostPath: string, tag: number, data: Buffer): void {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(tag, 0);
  head.writeUInt16LE(data.length, 4);
  const value = `0x${Buffer.concat([head, data]).toString('hex')}`;
  execFileSync('setfattr', ['-n', 'system.ntfs_reparse_data', '-v', value, hostPath]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, at) => bytes.writeUInt16LE(value, 2 * at));
  return bytes;
}
