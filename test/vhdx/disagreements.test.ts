/**
 * Where readers of VHDX disagree: with the specification, with each other, or with us. Every case says which answer is
 * ours and why, and what the programs that are installed answer, so that a program that changed is noticed. Whose answers
 * are not asked for here, because they are not programs: microsoft/openvmm and LTRData/DiscUtils, read in their sources.
 *
 * Logs have their own cases in log/; what generated chains show is in judges.test.ts.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import { isHyperfileError } from '../../src/base/error.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { openLayer } from '../../src/vhdx/layer.ts';
import { openForChange } from '../../src/vhdx/edit/open.ts';
import { encodeLocator } from '../../src/vhdx/locator.ts';
import { checkChain } from '../../src/vhdx/operations/check.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { describeWith, has } from '../support/needs.ts';
import {
  addItem,
  addRegion,
  BAT,
  baseFile,
  batEntry,
  childFile,
  edit,
  HEADERS,
  inHeaders,
  inRegions,
  itemEntry,
  ITEMS,
  LOCATOR,
  METADATA,
  REGION_TABLES,
  type Change,
} from './damage.ts';
import { guidAt } from './golden-file.ts';
import { Libvhdi, qemuCheck, qemuContents, qemuImg, sevenZip } from './judge-programs.ts';
import { naiveContentsOf } from './naive-reader.ts';
import { contents, MIB, pattern, scratchFolder } from './scratch.ts';

/**
 * What a program makes of a disk: `same` as the disk is by our lights, something `other`, only a part of it (`short`), or
 * it `refuses`. Some read and complain: `same, complains`.
 */
type Answer = 'same' | 'other' | 'short' | 'refuses' | `${'same' | 'other' | 'short'}, complains`;

interface Made {
  /** Leaf first. */
  readonly files: readonly string[];
  /** What the disk holds by our lights; where we refuse, what it held before it was damaged. */
  readonly disk: Buffer;
}

interface Case {
  readonly what: string;
  readonly why: string;
  readonly make: (folder: string) => Made;
  /** `reads`, or the code with which we refuse. */
  readonly ours: 'reads' | ErrorCode;
  readonly qemu?: Answer;
  readonly sevenZip?: Answer;
  readonly libvhdi?: Answer;
}

let libvhdi: Libvhdi | undefined;
afterAll(() => libvhdi?.close());

/** Changes the first of some files; the disk stays what it was, but for `shown`. */
function changed(
  files: readonly string[],
  change: Change,
  { checksums, shown }: { checksums?: false; shown?: (before: Buffer) => Buffer } = {},
): Made {
  const before = naiveContentsOf(files);
  edit(files[0], { change, ...(checksums === false && { checksums }) });
  return { files, disk: shown ? shown(before) : before };
}

type Options = Parameters<typeof changed>[2];

/** A base, changed. */
const base = (change: Change, options?: Options) => (folder: string) =>
  changed([baseFile(folder)], change, options);

/** A difference on it, changed. Its parent holds data in blocks 1 and 2, it itself in block 3. */
const child = (change: Change, options?: Options) => (folder: string) =>
  changed([childFile(folder), path.join(folder, 'base.vhdx')], change, options);

/** Files as they were made. */
const asMade = (files: readonly string[]): Made => ({ files, disk: naiveContentsOf(files) });

/** A base of another size with a pattern over all of it. */
function filledBase(folder: string, sizeBytes: number, logicalSectorBytes = 512, blockBytes = MIB): string {
  const file = path.join(folder, 'base.vhdx');
  const disk = createDisk(file, { sizeBytes, logicalSectorBytes, blockBytes });
  disk.write(pattern(sizeBytes, 1), 0);
  disk.seal();
  disk.close();
  return file;
}

/** An empty difference on a base. */
function emptyChild(
  parent: string,
  name = 'child.vhdx',
  options: { sizeBytes?: number; blockBytes?: number } = {},
): string[] {
  const file = path.join(path.dirname(parent), name);
  createChild(file, parent, options);
  return [file, parent];
}

/** A difference with other entries in its locator than ours. */
const childThatSays = (entriesFor: (linkage: string) => Record<string, string>) =>
  child((bytes) => {
    const linkage = bytes.toString('utf16le', LOCATOR + 84, LOCATOR + 84 + 76);
    putLocator(bytes, entriesFor(linkage));
  });

function putLocator(bytes: Buffer, entries: Record<string, string>): void {
  const item = encodeLocator(new Map(Object.entries(entries)));
  bytes.set(item, LOCATOR);
  bytes.writeUInt32LE(item.length, itemEntry(5) + 20);
}

const zeroed = (start: number, end: number) => (before: Buffer) => Buffer.from(before).fill(0, start, end);
const spoil = (at: number) => (bytes: Buffer) => void (bytes[at + 8] ^= 1);
const SOME_GUID = '{01234567-89ab-cdef-0123-456789abcdef}';

const HEADER_CASES: readonly Case[] = [
  {
    what: 'two identical headers',
    why: 'Disk2vhd writes them; nothing is unclear',
    make: base((b) => void b.copy(b, HEADERS[0], HEADERS[1], HEADERS[1] + 4096)),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'two different headers of one number',
    why: 'the specification names no current header then; libvhdi, openvmm and DiscUtils take the first',
    make: base((b) => {
      b.copy(b, HEADERS[0] + 8, HEADERS[1] + 8, HEADERS[1] + 16);
      b[HEADERS[0] + 20] ^= 1;
    }),
    ours: 'VHDX_HEADERS_AMBIGUOUS',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a damaged first header',
    why: 'one valid header is what there are two for; 7-Zip wants both',
    make: base(spoil(HEADERS[0]), { checksums: false }),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a damaged second header, which was the current one',
    why: 'as above',
    make: base(spoil(HEADERS[1]), { checksums: false }),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'two damaged headers',
    why: 'nothing is valid then; libvhdi looks at no checksum',
    make: base((b) => HEADERS.forEach((at) => spoil(at)(b)), { checksums: false }),
    ours: 'VHDX_HEADERS_DAMAGED',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'version 2',
    why: 'nobody knows what it will be',
    make: base(inHeaders((b, at) => b.writeUInt16LE(2, at + 66))),
    ours: 'VHDX_VERSION',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'a log of version 1 that is empty',
    why: 'the version counts only when there is something in the log; qemu asks for 0 always',
    make: base(inHeaders((b, at) => b.writeUInt16LE(1, at + 64))),
    ours: 'reads',
    qemu: 'refuses',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'no creator',
    why: 'it is there to be looked at; openvmm leaves it out, and Windows opens that',
    make: base((b) => void b.fill(0, 8, 520)),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
];

const REGION_CASES: readonly Case[] = [
  {
    what: 'a damaged first region table',
    why: 'there is a second one; qemu reads only the first, 7-Zip tries it twice, libvhdi wants both',
    make: base(spoil(REGION_TABLES[0]), { checksums: false }),
    ours: 'reads',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'a damaged second region table',
    why: 'the first one is whole',
    make: base(spoil(REGION_TABLES[1]), { checksums: false }),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same, complains',
    libvhdi: 'refuses',
  },
  {
    what: 'region tables that differ',
    why: 'the first one counts: a change that was interrupted leaves the old copy behind',
    make: base((b) => void b.writeUInt32LE(BAT + MIB, REGION_TABLES[1] + 32)),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same, complains',
    libvhdi: 'same',
  },
  {
    what: 'regions that are not marked as required',
    why: 'qemu writes them like this',
    make: base(
      inRegions((b, at) => {
        b.writeUInt32LE(0, at + 44);
        b.writeUInt32LE(0, at + 76);
      }),
    ),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'an unknown region that is optional',
    why: 'it is to be ignored and kept',
    make: base((b) => {
      const larger = Buffer.concat([b, Buffer.alloc(MIB)]);
      addRegion(larger, b.length, 0);
      return larger;
    }),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'an unknown region that is required',
    why: 'who does not know it must not read the file; libvhdi does not look',
    make: base((b) => {
      const larger = Buffer.concat([b, Buffer.alloc(MIB)]);
      addRegion(larger, b.length, 1);
      return larger;
    }),
    ours: 'VHDX_REGION_UNKNOWN',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
];

const METADATA_CASES: readonly Case[] = [
  {
    what: 'metadata without their signature',
    why: 'something else was written over them',
    make: base((b) => void b.write('metadato', METADATA)),
    ours: 'VHDX_METADATA_SIGNATURE',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'an unknown item that is required',
    why: 'who does not know it must not read the file; libvhdi does not look',
    make: base((b) => addItem(b, { flags: 4 })),
    ours: 'VHDX_ITEM_UNKNOWN',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'an unknown item that is optional',
    why: 'it is to be ignored and kept',
    make: base((b) => addItem(b, {})),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'an item of a user',
    why: 'it is to be ignored and kept',
    make: base((b) => addItem(b, { flags: 1 })),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: "openvmm's mark of a file that is being made",
    why: 'what it holds is unknown; the item is required, so whoever does not know it must refuse too',
    make: base((b) => {
      addItem(b, { flags: 4, offset: 0, length: 0 });
      Buffer.from('f085cc71691b284e9558c3bf83ae75d3', 'hex').copy(b, itemEntry(5));
    }),
    ours: 'VHDX_UNFINISHED',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'an odd number of sectors',
    why: 'the size has to be whole sectors, no more; 7-Zip tests one bit where it means a mask',
    make: (folder) => asMade([filledBase(folder, 3 * MIB + 512)]),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'an odd number of sectors of 4096 bytes',
    why: 'as above; qemu reads no such sectors at all',
    make: (folder) => asMade([filledBase(folder, 3 * MIB + 4096, 4096)]),
    ours: 'reads',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a parent locator in a disk without a parent',
    why: 'HasParent says that it means nothing; qemu refuses every file with such an item',
    make: (folder) => {
      const file = childFile(folder);
      const change: Change = (b) => {
        b.writeUInt32LE(0, ITEMS + 4);
        batEntry(b, 3, 6, 4);
        batEntry(b, 4096, 0);
        return b.subarray(0, 5 * MIB);
      };
      // Alone it shows what it holds itself.
      return changed([file], change);
    },
    ours: 'reads',
    qemu: 'refuses',
    sevenZip: 'same, complains',
    libvhdi: 'same',
  },
];

const BAT_CASES: readonly Case[] = [
  {
    what: 'a reserved bit in a block entry',
    why: 'it must be zero, and who knows what else is wrong; openvmm refuses too',
    make: base((b) => void (b[BAT + 9] |= 1)),
    ours: 'VHDX_BAT_RESERVED',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'an unused block in the reserved state 4',
    why: 'what the block holds is unknown',
    make: base((b) => batEntry(b, 5, 4, 4)),
    ours: 'VHDX_BLOCK_STATE',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'an unused block in state 5, which drafts of the format called UNMAPPED',
    why: 'it is reserved since version 1.00, and no file of it can say that it follows a draft',
    make: base((b) => batEntry(b, 5, 5)),
    ours: 'VHDX_BLOCK_STATE',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'PARTIALLY_PRESENT in a dynamic disk',
    why: 'nobody holds the rest of the block; openvmm takes it for FULLY_PRESENT',
    make: base((b) => void (b[BAT + 8] |= 7)),
    ours: 'VHDX_PARTIAL_WITHOUT_PARENT',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'two blocks at one place',
    why: 'at least one of them has lost its data',
    make: base((b) => batEntry(b, 2, 6, 4)),
    ours: 'VHDX_BLOCK_OVERLAP',
    qemu: 'other',
    sevenZip: 'other, complains',
    libvhdi: 'other',
  },
  {
    what: 'a block on top of the log',
    why: 'its data would be taken for a log, or be written over by one; 7-Zip looks at blocks only',
    make: base((b) => batEntry(b, 1, 6, 1)),
    ours: 'VHDX_BLOCK_OVERLAP',
    qemu: 'refuses',
    sevenZip: 'other',
    libvhdi: 'other',
  },
  {
    what: 'a block past the end of the file',
    why: 'its data are not there',
    make: base((b) => batEntry(b, 2, 6, 100)),
    ours: 'VHDX_BLOCK_PAST_END',
    qemu: 'refuses',
    sevenZip: 'short, complains',
    libvhdi: 'refuses',
  },
  {
    what: 'ZERO with a place',
    why: 'all agree on what it reads as; Hyper-V cannot read such a file, so a check tells',
    make: base((b) => batEntry(b, 0, 2, 4)),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'UNMAPPED with a place, the soft anchor',
    why: 'the place is kept for the block, and what lies there is not read',
    make: base((b) => batEntry(b, 2, 3, 5), { shown: zeroed(2 * MIB, 3 * MIB) }),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'a file whose last block is cut off',
    why: 'its data are not there',
    make: base((b) => b.subarray(0, b.length - MIB)),
    ours: 'VHDX_BLOCK_PAST_END',
    qemu: 'refuses',
    sevenZip: 'short, complains',
    libvhdi: 'refuses',
  },
  {
    what: 'a file that misses 1000 bytes of its last block',
    why: 'nobody can tell whether they were zeros; openvmm rounds the length up',
    make: base((b) => b.subarray(0, b.length - 1000)),
    ours: 'VHDX_BLOCK_PAST_END',
    qemu: 'refuses',
    sevenZip: 'short, complains',
    libvhdi: 'refuses',
  },
  {
    what: 'a file with 1000 bytes behind its last block',
    why: 'they belong to nothing',
    make: base((b) => Buffer.concat([b, Buffer.alloc(1000)])),
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'a fixed disk of qemu that ends with the disk, in the middle of its last block',
    why: 'all the data are there, and qemu-img makes every fixed disk like this; 7-Zip wants whole blocks',
    make: (folder) => {
      const file = filledBase(folder, 5 * MIB + 512, 512, 8 * MIB);
      const { size } = fs.statSync(file);
      fs.truncateSync(file, size - 3 * MIB + 512);
      return asMade([file]);
    },
    ours: 'reads',
    qemu: 'same',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a last block that misses a sector of the disk',
    why: 'its data are not there',
    make: (folder) => {
      const file = filledBase(folder, 5 * MIB + 512, 512, 8 * MIB);
      const made = asMade([file]);
      fs.truncateSync(file, fs.statSync(file).size - 3 * MIB);
      return made;
    },
    ours: 'VHDX_BLOCK_PAST_END',
    qemu: 'refuses',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
];

const BLOCK_CASES: readonly Case[] = [
  ...(['UNDEFINED', 'ZERO', 'UNMAPPED'] as const).map((name, i): Case => ({
    what: `a block of a difference that is ${name} over data of the parent`,
    why: 'it hides them: zeros; libvhdi takes every state below 6 for a block that is not there',
    make: child((b) => batEntry(b, 1, i + 1), { shown: zeroed(MIB, 2 * MIB) }),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'other',
  })),
  {
    what: 'a FULLY_PRESENT block whose bits are clear',
    why: 'the bitmap must not be asked about it',
    make: child((b) => {
      batEntry(b, 3, 6, 4);
      b.fill(0, 5 * MIB, 6 * MIB);
    }),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'a block that is not there, but has bits that are set',
    why: 'they are left over from when it was; it is the parent that is read',
    make: child((b) => void b.fill(0xff, 5 * MIB + 256, 5 * MIB + 512)),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'other',
  },
  {
    what: 'a chunk without a sector bitmap, none of whose blocks is partial',
    why: 'there is nothing to ask; libvhdi takes the first bytes of the file for the bitmap',
    make: (folder) => asMade(emptyChild(filledBase(folder, 2 * MIB))),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'other',
  },
  {
    what: 'a PARTIALLY_PRESENT block without a sector bitmap',
    why: 'nobody knows which sectors are its own; libvhdi reads the parent, DiscUtils garbage',
    make: child((b) => batEntry(b, 4096, 0)),
    ours: 'VHDX_BITMAP_MISSING',
    sevenZip: 'short, complains',
    libvhdi: 'other',
  },
  {
    what: 'a block written as a whole that is PARTIALLY_PRESENT with all bits set',
    why: 'DiscUtils writes every block of a difference like this',
    make: child((b) => {
      batEntry(b, 3, 7, 4);
      b.fill(0xff, 5 * MIB + 3 * 256, 5 * MIB + 4 * 256);
    }),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'same',
  },
];

const PARENT_CASES: readonly Case[] = [
  {
    what: 'a linkage that is not the identity of the parent',
    why: 'it is another disk, or was changed since',
    make: childThatSays(() => ({ parent_linkage: SOME_GUID, relative_path: '.\\base.vhdx' })),
    ours: 'VHDX_PARENT_MISMATCH',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'a parent that only parent_linkage2 names',
    why: 'a merge was interrupted, and the specification lets either match; no other program looks at it',
    make: childThatSays((linkage) => ({
      parent_linkage: SOME_GUID,
      parent_linkage2: linkage,
      relative_path: '.\\base.vhdx',
    })),
    ours: 'reads',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'a linkage in upper case',
    why: 'it is the same GUID; libvhdi compares text',
    make: childThatSays((linkage) => ({
      parent_linkage: linkage.toUpperCase(),
      relative_path: '.\\base.vhdx',
      absolute_win32_path: '\\\\?\\C:\\base.vhdx',
    })),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'refuses',
  },
  {
    what: 'a relative path without .\\ in front',
    why: 'it means the same',
    make: childThatSays((linkage) => ({ parent_linkage: linkage, relative_path: 'base.vhdx' })),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'a parent in the folder above',
    why: 'the specification allows .. in paths; 7-Zip looks only beside the child',
    make: (folder) => {
      const parent = baseFile(folder);
      fs.mkdirSync(path.join(folder, 'children'));
      return asMade(emptyChild(parent, 'children/child.vhdx'));
    },
    ours: 'reads',
    sevenZip: 'refuses',
  },
  {
    what: 'only an absolute path that leads nowhere here',
    why: 'a parent of that name lies beside the child, and has the right identity',
    make: childThatSays((linkage) => ({
      parent_linkage: linkage,
      absolute_win32_path: '\\\\?\\D:\\machines\\base.vhdx',
    })),
    ours: 'reads',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'only a volume path that leads nowhere here',
    why: 'as above',
    make: childThatSays((linkage) => ({
      parent_linkage: linkage,
      volume_path: '\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\machines\\base.vhdx',
    })),
    ours: 'reads',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a locator without any path',
    why: 'the specification asks for at least one',
    make: childThatSays((linkage) => ({ parent_linkage: linkage })),
    ours: 'VHDX_LOCATOR_PATH',
    sevenZip: 'refuses',
    libvhdi: 'same',
  },
  {
    what: 'a parent but no locator',
    why: 'openvmm writes it when it is asked to; nobody can read that',
    make: child((b) => void b.writeUInt16LE(5, METADATA + 10)),
    ours: 'VHDX_LOCATOR_MISSING',
    sevenZip: 'refuses',
    libvhdi: 'refuses',
  },
  {
    what: 'a difference that is larger than its parent',
    why: 'Hyper-V makes them: zeros past the end of the parent',
    make: (folder) => asMade(emptyChild(baseFile(folder), 'child.vhdx', { sizeBytes: 10 * MIB })),
    ours: 'reads',
    sevenZip: 'short, complains',
    libvhdi: 'refuses',
  },
  {
    what: 'another VirtualDiskId than the parent has',
    why: 'nobody compares it, and DiscUtils draws a new one for every child',
    make: child((b) => void b.fill(0x77, ITEMS + 24, ITEMS + 40)),
    ours: 'reads',
    sevenZip: 'same',
    libvhdi: 'same',
  },
  {
    what: 'other sectors than the parent has',
    why: 'the specification wants them equal; nobody else looks, and 7-Zip reads on',
    make: (folder) => changed(emptyChild(baseFile(folder)), (b) => void b.writeUInt32LE(4096, ITEMS + 16)),
    ours: 'VHDX_PARENT_GEOMETRY',
    sevenZip: 'same',
  },
  {
    what: 'files called .avhdx',
    why: 'Hyper-V calls checkpoints so; the name says nothing',
    make: (folder) => {
      const parent = path.join(folder, 'base.avhdx');
      fs.renameSync(baseFile(folder), parent);
      return asMade(emptyChild(parent, 'child.avhdx'));
    },
    ours: 'reads',
    sevenZip: 'same',
  },
];

/** What a reader gave, in the words of {@link Answer}. */
function answer(disk: Buffer, bytes: Buffer | undefined, complains: boolean): Answer {
  if (bytes === undefined || bytes.length === 0) return 'refuses';
  const what = bytes.equals(disk) ? 'same' : bytes.length < disk.length ? 'short' : 'other';
  return complains ? `${what}, complains` : what;
}

async function askQemu({ files, disk }: Made): Promise<Answer> {
  const { isClean } = await qemuCheck(files[0]);
  const bytes = await qemuContents(files[0]);
  return isClean ? answer(disk, bytes, false) : 'refuses';
}

async function askSevenZip({ files, disk }: Made): Promise<Answer> {
  const { isClean, bytes } = await sevenZip(files[0]);
  return answer(disk, bytes, !isClean);
}

async function askLibvhdi({ files, disk }: Made): Promise<Answer> {
  const { error, sums } = await (libvhdi ??= new Libvhdi()).read(files);
  if (error !== undefined) return 'refuses';
  return sums?.join() === Libvhdi.expected(disk).sums?.join() ? 'same' : 'other';
}

/** Our own answer: `reads`, when every byte is as it should be, or the code of the error. */
function ours({ files, disk }: Made): string {
  try {
    const chain = openChain(files[0]);
    expect(contents(chain).equals(disk)).toBe(true);
    chain.close();
    return 'reads';
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    return error.code;
  }
}

const PROGRAMS = [
  ['qemu', 'qemu-img', askQemu],
  ['sevenZip', '7zz', askSevenZip],
  ['libvhdi', 'python:pyvhdi', askLibvhdi],
] as const;

function titled(cases: readonly Case[]): [title: string, one: Case][] {
  return cases.map((one) => {
    const verdict = one.ours === 'reads' ? 'is read' : `is refused (${one.ours})`;
    return [`${one.what} ${verdict}: ${one.why}`, one];
  });
}

describe.each([
  ['headers', HEADER_CASES],
  ['region tables', REGION_CASES],
  ['metadata', METADATA_CASES],
  ['block tables and lengths', BAT_CASES],
  ['blocks of differences', BLOCK_CASES],
  ['parents', PARENT_CASES],
])('%s:', (_group, cases) => {
  it.each(titled(cases))('%s', async (_title, one) => {
    const made = one.make(scratchFolder());
    expect(ours(made)).toBe(one.ours);
    for (const [name, need, ask] of PROGRAMS) {
      const expected = one[name];
      if (expected !== undefined && has(need)) expect(await ask(made), name).toBe(expected);
    }
  });
});

describe('a file that ends with the disk, in the middle of its last block', () => {
  /** 5 MiB and a sector in one block of 8 MiB, all of them there. */
  function cutFile(): string {
    const file = filledBase(scratchFolder(), 5 * MIB + 512, 512, 8 * MIB);
    fs.truncateSync(file, 4 * MIB + 5 * MIB + 512);
    return file;
  }

  it('is found by a check, which can repair it', () => {
    const [checked] = [...checkChain(cutFile())];
    const faults = checked.findings.listed.map(({ code, severity, repair }) => [code, severity, repair]);
    expect(faults).toContainEqual(['VHDX_BLOCK_CUT', 'warning', 'file-length']);
  });

  it('has a whole block as soon as it is changed', () => {
    const file = cutFile();
    const disk = openForChange(file);
    disk.write(pattern(512, 9), 5 * MIB);
    disk.close();
    expect(fs.statSync(file).size).toBe(12 * MIB);
    const chain = openChain(file);
    expect(chain.layers[0].used.length).toBe(12);
    expect(
      contents(chain)
        .subarray(5 * MIB)
        .equals(pattern(512, 9)),
    ).toBe(true);
    chain.close();
  });
});

describe('block tables of differences that DiscUtils made too small', () => {
  it('are refused: it counts their entries like those of a dynamic disk, so the last bitmaps have none', () => {
    const folder = scratchFolder();
    const parent = path.join(folder, 'base.vhdx');
    // 131071 entries fill a megabyte when bitmaps have none at the end of the last chunk; with one there are 131136.
    createVhdx(parent, { sizeBytes: 131_008 * 2 * MIB, blockBytes: 2 * MIB });
    const [file] = emptyChild(parent, 'child.vhdx', { blockBytes: 2 * MIB });
    expect(openLayer(file).regions.bat.length).toBe(2 * MIB);
    edit(file, { change: inRegions((b, at) => b.writeUInt32LE(MIB, at + 40)) });
    expect(() => openChain(file)).toThrow(refusal('VHDX_BAT_TOO_SMALL'));
  });
});

describeWith(['qemu-img'], 'qemu-img', () => {
  it('reads no difference at all, not even what it says about itself; we do', async () => {
    const file = childFile();
    for (const verb of ['info', 'check', 'map']) {
      expect(await qemuImg(verb, '-f', 'vhdx', file)).toMatchObject({ status: 1, said: /not supported/ });
    }
    openChain(file).close();
  });
});

describeWith(['qemu-io', '7zz'], 'a base that qemu wrote to', () => {
  it('has two headers with different DataWriteGuids: the current one counts, for us and for 7-Zip', async () => {
    const folder = scratchFolder();
    const parent = baseFile(folder);
    execFileSync('qemu-io', ['-f', 'vhdx', '-c', 'write -P 7 6M 4096', parent], { stdio: 'ignore' });
    const bytes = fs.readFileSync(parent);
    const [first, second] = HEADERS.map((at) => ({
      number: bytes.readBigUInt64LE(at + 8),
      dataWrite: guidAt(bytes, at + 32),
    })) as [{ number: bigint; dataWrite: string }, { number: bigint; dataWrite: string }];
    expect(first.dataWrite).not.toBe(second.dataWrite);
    const [current, older] = first.number > second.number ? [first, second] : [second, first];
    const [file] = emptyChild(parent);
    const chain = openChain(file);
    expect(chain.layers[1].dataWriteGuid).toBe(current.dataWrite);
    const disk = contents(chain);
    chain.close();
    expect(await sevenZip(file)).toMatchObject({ isClean: true, bytes: disk });
    edit(file, {
      change: (b) => putLocator(b, { parent_linkage: `{${older.dataWrite}}`, relative_path: '.\\base.vhdx' }),
    });
    expect(() => openChain(file)).toThrow(refusal('VHDX_PARENT_MISMATCH'));
    expect((await sevenZip(file)).isClean).toBe(false);
  });
});

const refusal = (code: ErrorCode) => expect.objectContaining({ code }) as Error;
