/** Makes disks for the stand-in's machines: what an installation of Windows has, as far as anything looks at it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool } from '../../../../src/base/process.ts';
import { randomGuid } from '../../../../src/bytes/guid.ts';
import { copyDisk } from '../../../../src/disk/copy.ts';
import { createRawDisk, openRawDisk } from '../../../../src/disk/file-disk.ts';
import { PARTITION_TYPE } from '../../../../src/gpt/format.ts';
import { writeGpt } from '../../../../src/gpt/write.ts';
import { createDisk } from '../../../../src/vhdx/sandbox.ts';
import { stateFile } from './host/first-start.ts';
import { attachLoop, detachLoop } from './host/loop.ts';
import { mount } from './host/mounts.ts';

const MIB = 1024 ** 2;

export interface WindowsDiskOptions {
  readonly sizeBytes?: number;
  /** Content by path in the volume, with `/`. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the system volume holds: NTFS, or ext4 for a guest that Windows cannot read. */
  readonly fileSystem?: 'ext4' | 'ntfs';
}

/** EFI partition, reserved partition, and a volume with Windows\System32. */
export async function makeWindowsDisk(filePath: string, options: WindowsDiskOptions = {}): Promise<void> {
  const { sizeBytes = 96 * MIB, fileSystem = 'ntfs' } = options;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'windows-disk-'));
  const rawPath = path.join(folder, 'disk.raw');
  const system = { offset: 21 * MIB, length: sizeBytes - 22 * MIB };
  try {
    const raw = createRawDisk(rawPath, sizeBytes);
    writeGpt(raw, { diskId: randomGuid(), partitions: layout(system, fileSystem) });
    raw.close();
    await format(rawPath, system, fileSystem);
    const mounted = await mount({
      rawPath,
      ...system,
      type: fileSystem,
      folder: path.join(folder, 'volume'),
      readOnly: false,
    });
    try {
      const files =
        fileSystem === 'ntfs'
          ? { 'Windows/System32/ntoskrnl.exe': 'MZ', ...stateFile('COMPLETE'), ...options.files }
          : options.files;
      for (const [name, content] of Object.entries(files ?? {}))
        lay(path.join(mounted.folder, name), content);
    } finally {
      await mounted.unmount();
    }
    copyIn(rawPath, filePath, sizeBytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function layout(
  system: { offset: number; length: number },
  fileSystem: string,
): Parameters<typeof writeGpt>[1]['partitions'] {
  const parts = [
    { offset: MIB, length: 4 * MIB, type: PARTITION_TYPE.efiSystem, name: 'EFI system partition' },
    {
      offset: 5 * MIB,
      length: 16 * MIB,
      type: PARTITION_TYPE.microsoftReserved,
      name: 'Microsoft reserved partition',
    },
    {
      ...system,
      type: fileSystem === 'ntfs' ? PARTITION_TYPE.microsoftBasicData : PARTITION_TYPE.linuxFileSystem,
      name: 'Basic data partition',
    },
  ];
  return parts.map((part) => ({ ...part, id: randomGuid() }));
}

async function format(
  rawPath: string,
  part: { offset: number; length: number },
  type: 'ext4' | 'ntfs',
): Promise<void> {
  const device = await attachLoop({ rawPath, ...part, readOnly: false });
  try {
    if (type === 'ntfs') await runTool('mkntfs', ['--quick', '--force', device]);
    else await runTool('mke2fs', ['-q', '-t', 'ext4', '-F', device]);
  } finally {
    await detachLoop(device);
  }
}

function lay(file: string, content: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function copyIn(rawPath: string, filePath: string, sizeBytes: number): void {
  const source = openRawDisk(rawPath);
  const disk = createDisk(filePath, { sizeBytes });
  try {
    Array.from(copyDisk(source, disk));
    disk.seal();
  } finally {
    disk.close();
    source.close();
  }
}
