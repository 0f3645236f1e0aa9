/**
 * Images of discs that are mounted: ISO files, unpacked by 7-Zip into a folder that stands for the disc. On Windows a disc
 * gets a drive letter; a folder of this system can be none, so here it has only the path of its volume.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isHyperfileError } from '../../../../../src/base/error.ts';
import { runTool } from '../../../../../src/base/process.ts';
import type { Call, Handlers, TypedObject } from './call.ts';
import { inUse, NoSuchObject, notInContract, StandInError } from './errors.ts';
import { failed } from './storage.ts';

/** MSFT_DiskImage's numbers. */
const STORAGE_TYPE = { ISO: 1 } as const;

export class Media {
  readonly #folder: string;
  readonly #mounted = new Map<string, string>();
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get paths(): readonly string[] {
    return [...this.#mounted.keys()];
  }

  rootOf(filePath: string): string | undefined {
    return this.#mounted.get(filePath);
  }

  async mount(filePath: string): Promise<void> {
    if (this.#mounted.has(filePath)) throw inUse(filePath);
    const root = path.join(this.#folder, String(++this.#count));
    mkdirSync(root, { recursive: true });
    try {
      await runTool('7zz', ['x', '-y', '-tiso', `-o${root}`, filePath]);
    } catch (error) {
      rmSync(root, { recursive: true });
      if (isHyperfileError(error, 'TOOL_FAILED'))
        throw failed(`the disc image file is corrupted: ${filePath}`);
      throw error;
    }
    this.#mounted.set(filePath, root);
  }

  dismount(filePath: string): void {
    const root = this.#mounted.get(filePath);
    this.#mounted.delete(filePath);
    if (root !== undefined) rmSync(root, { recursive: true });
  }

  dismountAll(): void {
    for (const file of this.paths) this.dismount(file);
  }
}

export function mediaHandlers(media: Media): Handlers {
  return {
    'Get-DiskImage': (call) => eachImage(call, (file) => call.output(describeImage(media, file))),
    'Mount-DiskImage': (call) => mountImage(media, call),
    'Dismount-DiskImage': (call) =>
      eachImage(call, (file) => {
        if (media.rootOf(file) === undefined) throw failed(`the disc image file is not mounted: ${file}`);
        media.dismount(file);
        // Windows 10 and later show what they have dismounted.
        call.output(describeImage(media, file));
      }),
  };
}

async function mountImage(media: Media, call: Call): Promise<void> {
  if ((call.text('Access') ?? 'ReadOnly') !== 'ReadOnly') throw failed('the media is write protected');
  call.flag('NoDriveLetter');
  call.flag('PassThru');
  await eachImage(call, async (file) => {
    await media.mount(file);
    call.output(describeImage(media, file));
  });
}

async function eachImage(call: Call, body: (file: string) => void | Promise<void>): Promise<void> {
  if (call.set !== 'ByImagePath') throw notInContract(`${call.cmdlet}, parameter set ${call.set}`);
  if ((call.text('StorageType') ?? 'ISO') !== 'ISO') throw notInContract(`${call.cmdlet}: only ISO`);
  await call.each(call.paths('ImagePath'), (file) => {
    if (!existsSync(file)) throw new StandInError('cimFailed', 'notFound', [file], file);
    return body(file);
  });
}

function describeImage(media: Media, file: string): TypedObject {
  const isAttached = media.rootOf(file) !== undefined;
  return { $type: 'MSFT_DiskImage', ImagePath: file, StorageType: STORAGE_TYPE.ISO, Attached: isAttached };
}

/** The volume of a mounted image, for Get-Volume. */
export function describeMediumVolume(media: Media, image: TypedObject): TypedObject {
  const root = media.rootOf(image.ImagePath as string);
  if (root === undefined) throw new NoSuchObject('MSFT_Volume', 'DiskImage', String(image.ImagePath));
  return {
    $type: 'MSFT_Volume',
    DriveLetter: null,
    FileSystem: 'UDF',
    FileSystemType: 'UDF',
    FileSystemLabel: 'CCCOMA_X64FRE',
    Path: root + path.sep,
    UniqueId: root + path.sep,
    DriveType: 'CD-ROM',
    HealthStatus: 'Healthy',
    OperationalStatus: 'OK',
  };
}
