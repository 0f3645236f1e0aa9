/**
 * bcdboot, which every Windows brings: puts the boot loader of one volume onto another. In a Windows of the tests it is a
 * script that asks the host, because volumes have drive letters only there; the host writes into the real FAT32.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool } from '../../../../../src/base/process.ts';
import type { Call, Handlers } from './call.ts';
import { notInContract } from './errors.ts';
import { attachLoop, detachLoop } from './loop.ts';
import { failed, type ShownPartition, type Storage } from './storage.ts';

export const BCDBOOT_NEEDS: readonly string[] = ['mkfs.vfat', 'mcopy'];

/** The name under which the script asks; no cmdlet is called so. */
const PROGRAM = 'bcdboot.exe';
/** Its own loader, which the EFI system partition gets under two names. */
const LOADER = 'Windows/Boot/EFI/bootmgfw.efi';

/** The text of bcdboot.exe in a Windows of the tests. */
export const BCDBOOT_SCRIPT = `#!${process.execPath}
const socket = require('node:net').connect(process.env.HYPERV_STANDIN);
socket.write(JSON.stringify({ cmdlet: '${PROGRAM}', set: '', location: process.cwd(), parameters: { Arguments: process.argv.slice(2) } }) + '\\n');
let text = '';
socket.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => {
  const lines = text.trim().split('\\n').map((line) => JSON.parse(line));
  const failure = lines.find((line) => line.error);
  if (failure) console.error(failure.error.message);
  else console.log('Boot files successfully created.');
  process.exitCode = failure ? 1 : 0;
});
`;

export function bootHandlers(storage: Storage): Handlers {
  return { [PROGRAM]: (call) => makeBootable(storage, call) };
}

async function makeBootable(storage: Storage, call: Call): Promise<void> {
  const [source, ...options] = call.list('Arguments');
  const [, letter] = /^([A-Z]):\\Windows$/.exec(source ?? '') ?? [];
  const [, target] = /^([A-Z]):$/.exec(options[1] ?? '') ?? [];
  if (!letter || !target || options[0] !== '/s' || options.slice(2).join(' ') !== '/f UEFI')
    throw notInContract(`bcdboot ${[source, ...options].join(' ')}`);
  const windows = storage.byLetter(letter);
  const root = windows.shown.disk.mounts.get(windows.partition.number)?.folder;
  if (root === undefined || !existsSync(path.join(root, LOADER)))
    throw failed(`${letter}: holds no Windows with a boot loader`);
  const efi = storage.byLetter(target);
  if (efi.partition.fileSystem !== 'vfat') throw failed(`${target}: is not FAT32`);
  await writeLoader(path.join(root, LOADER), windows, efi);
}

/** Where the firmware looks when nothing was written into it, and where Windows itself has it. */
const LOADER_COPIES = ['EFI/Boot/bootx64.efi', 'EFI/Microsoft/Boot/bootmgfw.efi'];
const STORE = 'EFI/Microsoft/Boot/BCD';

async function writeLoader(loader: string, windows: ShownPartition, efi: ShownPartition): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bcdboot-'));
  const { offset, length } = efi.partition;
  const device = await attachLoop({ rawPath: efi.shown.disk.rawPath, offset, length, readOnly: false });
  try {
    for (const name of LOADER_COPIES) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      copyFileSync(loader, path.join(folder, name));
    }
    // What the store says: where Windows is, by the partition's own name.
    writeFileSync(path.join(folder, STORE), `osdevice=${windows.partition.id}\n`);
    await runTool('mcopy', ['-s', '-o', '-i', device, path.join(folder, 'EFI'), '::']);
  } finally {
    await detachLoop(device);
    rmSync(folder, { recursive: true });
  }
}
