/** DISM's cmdlets for image files: on real WIM, ESD and split WIM files, through wimlib. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isHyperfileError } from '../../../../../src/base/error.ts';
import { runTool } from '../../../../../src/base/process.ts';
import type { Call, Handlers } from './call.ts';
import { notInContract, StandInError } from './errors.ts';
import type { Storage } from './storage.ts';

export const DISM_NEEDS: readonly string[] = ['wimlib-imagex'];

export function dismHandlers(storage: Storage): Handlers {
  return { 'Get-WindowsImage': getImage, 'Expand-WindowsImage': (call) => expandImage(storage, call) };
}

async function getImage(call: Call): Promise<void> {
  if (call.set !== 'InputByFilePath') throw notInContract(`Get-WindowsImage, parameter set ${call.set}`);
  const file = imageFile(call);
  for (const [, index, body] of (await readXml(file)).matchAll(/<IMAGE INDEX="(\d+)">(.*?)<\/IMAGE>/gs)) {
    const of = (tag: string): string => new RegExp(`<${tag}>(.*?)</${tag}>`).exec(body)?.[1] ?? '';
    call.output({
      $type: 'BasicImageInfoObject',
      ImagePath: file,
      ImageIndex: Number(index),
      ImageName: of('NAME'),
      ImageDescription: of('DESCRIPTION'),
      ImageSize: Number(of('TOTALBYTES')),
    });
  }
}

async function expandImage(storage: Storage, call: Call): Promise<void> {
  if (call.set !== 'InputByFilePathAndIndex')
    throw notInContract(`Expand-WindowsImage, parameter set ${call.set}`);
  const file = imageFile(call);
  const target = targetOf(storage, call.text('ApplyPath')!);
  const [index, parts] = [call.number('Index')!, call.text('SplitImageFilePattern')];
  call.reply.progress('Expand-WindowsImage', 'applying', 0);
  await wimlib(['apply', file, String(index), target, ...(parts === undefined ? [] : [`--ref=${parts}`])]);
  call.reply.progress('Expand-WindowsImage', 'applying', 100);
}

/**
 * Links in an image come out pointing to where it is written (Microsoft's archive of blogs, "What is /norpfix switch"): a
 * folder would be in them for good. A drive letter is only a name here: its volume is shown in a folder, too.
 */
function targetOf(storage: Storage, target: string): string {
  const [, letter] = /^([A-Z]):\\$/.exec(target) ?? [];
  if (letter === undefined)
    throw notInContract(`Expand-WindowsImage into ${target}: not the root of a drive`);
  const { shown, partition } = storage.byLetter(letter);
  const folder = shown.disk.mounts.get(partition.number)?.folder;
  if (folder === undefined) throw notInContract('Expand-WindowsImage onto a volume that is in no folder');
  return folder;
}

function imageFile(call: Call): string {
  const file = call.path(call.text('ImagePath')!);
  if (!existsSync(file)) throw notFound(file);
  return path.normalize(file);
}

function notFound(what: string): StandInError {
  return new StandInError('dismNotFound', 'dismFailed', [what]);
}

/** What an image file says of its images. */
async function readXml(file: string): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dism-'));
  try {
    const target = path.join(folder, 'images.xml');
    await wimlib(['info', file, `--extract-xml=${target}`]);
    return readFileSync(target, 'utf16le');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function wimlib(args: readonly string[]): Promise<void> {
  try {
    await runTool('wimlib-imagex', args);
  } catch (error) {
    if (!isHyperfileError(error, 'TOOL_FAILED')) throw error;
    const output = String(error.data.output);
    const kind = /No space left/.test(output) ? 'dismDiskFull' : 'dismInvalidData';
    throw new StandInError(kind, 'dismFailed', [output]);
  }
}
