/** Makes media that install Windows: real ISO files with real image files, and a Windows as far as anything looks at it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runTool } from '../../../../src/base/process.ts';
import { BCDBOOT_NEEDS, BCDBOOT_SCRIPT } from './host/bcdboot.ts';
import { DISM_NEEDS } from './host/dism.ts';
import { stateFile } from './host/first-start.ts';
import { STANDIN_NEEDS } from './standin.ts';

/** For `describeWith`. */
export const MEDIUM_NEEDS: readonly string[] = [
  ...new Set([...STANDIN_NEEDS, ...DISM_NEEDS, ...BCDBOOT_NEEDS, '7zz', 'xorriso']),
];

export interface MediumOptions {
  /** Default: `Windows 11 Home` and `Windows 11 Pro`. */
  readonly editions?: readonly string[];
  /** `esd`: solid; `swm`: in several parts; `none`: there is no image at all. */
  readonly image?: 'wim' | 'esd' | 'swm' | 'none';
  /** More files of every edition, by path with `/`. */
  readonly files?: Readonly<Record<string, Buffer | string>>;
  /** What bcdboot.exe is instead. */
  readonly bcdboot?: string;
}

export async function makeWindowsMedium(filePath: string, options: MediumOptions = {}): Promise<void> {
  const { editions = ['Windows 11 Home', 'Windows 11 Pro'], image = 'wim' } = options;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'windows-medium-'));
  const disc = path.join(folder, 'disc');
  const sources = path.join(disc, 'sources');
  try {
    mkdirSync(sources, { recursive: true });
    writeFileSync(path.join(disc, 'setup.exe'), 'MZ');
    if (image !== 'none') {
      const whole = path.join(
        image === 'swm' ? folder : sources,
        `install.${image === 'esd' ? 'esd' : 'wim'}`,
      );
      for (const [index, edition] of editions.entries())
        await addEdition({ folder, whole, index, edition, isSolid: image === 'esd' }, options);
      if (image === 'swm')
        await runTool('wimlib-imagex', ['split', whole, path.join(sources, 'install.swm'), '1']);
    }
    const args = ['-as', 'mkisofs', '-quiet', '-J', '-R', '-iso-level', '3', '-o', filePath, disc];
    await runTool('xorriso', args);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface NewEdition {
  readonly folder: string;
  readonly whole: string;
  readonly index: number;
  readonly edition: string;
  readonly isSolid: boolean;
}

async function addEdition(
  { folder, whole, index, edition, isSolid }: NewEdition,
  { files, bcdboot = BCDBOOT_SCRIPT }: MediumOptions,
): Promise<void> {
  const root = path.join(folder, `edition-${index}`);
  const all = {
    'Windows/System32/ntoskrnl.exe': 'MZ',
    'Windows/System32/edition.txt': edition,
    'Windows/System32/bcdboot.exe': bcdboot,
    'Windows/Boot/EFI/bootmgfw.efi': `boot loader of ${edition}`,
    'Users/Default/NTUSER.DAT': 'regf',
    ...stateFile('GENERALIZE_RESEAL_TO_OOBE'),
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), content);
  }
  chmodSync(path.join(root, 'Windows/System32/bcdboot.exe'), 0o755);
  const kind = isSolid ? ['--solid'] : ['--compress=fast'];
  await runTool('wimlib-imagex', [
    index === 0 ? 'capture' : 'append',
    root,
    whole,
    edition,
    ...(index === 0 ? kind : []),
  ]);
}
