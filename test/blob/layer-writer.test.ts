/** Layers whose announced form, head or order is wrong: refused, and nothing is left of them. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { formOf } from '../../src/blob/form.ts';
import { LayerWriter } from '../../src/blob/layer-writer.ts';
import { packPart } from '../../src/blob/pack-part.ts';
import { planParts, type LayerPart } from '../../src/blob/parts.ts';
import type { LayerBlob, LayerForm } from '../../src/oci/layer-form.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { testWith } from '../support/needs.ts';
import { entryOf, leaveUnclosed, putEntry } from '../vhdx/log/logs.ts';
import {
  allocatedBytes,
  codeOf,
  inPieces,
  isSameFile,
  makeChain,
  MIB,
  noise,
  packLayer,
  scratchFolder,
  TINY,
  unpackLayer,
  type PackedLayer,
} from './scratch.ts';

const BAT_OFFSET = 3 * MIB;
const WINDOW = { windowBytes: TINY.windowBytes };

let folder: string;
let layer: string;
let copy: string;

beforeEach(() => {
  folder = scratchFolder();
  layer = path.join(folder, 'layer.vhdx');
  copy = path.join(folder, 'copy.vhdx');
  const disk = createDisk(layer, { sizeBytes: 16 * MIB });
  for (const block of [0, 1, 2, 5, 9]) disk.write(noise(MIB, block), block * MIB);
  disk.seal();
  disk.close();
});

/** Packs an altered file in the parts of the file as it was: every digest is true. */
async function forge(alter: (file: Buffer) => void, plan = planParts(layer, TINY)): Promise<PackedLayer> {
  const bytes = fs.readFileSync(layer);
  const altered = path.join(folder, 'altered.vhdx');
  alter(bytes);
  fs.writeFileSync(altered, bytes);
  const files = new Map<LayerBlob, string>();
  for (const [index, part] of plan.entries()) {
    const file = path.join(folder, `${index}.blob`);
    files.set(await packPart(altered, part, file), file);
  }
  return { form: formOf(altered, plan, [...files.keys()]), files };
}

function entry(file: Buffer, block: number): bigint {
  return file.readBigUInt64LE(BAT_OFFSET + block * 8);
}

function setEntry(file: Buffer, block: number, value: bigint): void {
  file.writeBigUInt64LE(value, BAT_OFFSET + block * 8);
}

async function refusal(packed: PackedLayer): Promise<string | undefined> {
  const code = await codeOf(() => unpackLayer(packed, copy, TINY.windowBytes));
  expect(fs.existsSync(copy)).toBe(false);
  return code;
}

describe('a head whose block table', () => {
  it('points outside the file is refused', async () => {
    const packed = await forge((file) => setEntry(file, 5, 6n | (1n << 40n)));
    expect(await refusal(packed)).toBe('BLOB_NOT_VHDX');
  });

  it('puts two blocks in one place is refused', async () => {
    const packed = await forge((file) => setEntry(file, 5, entry(file, 0)));
    expect(await refusal(packed)).toBe('BLOB_NOT_VHDX');
  });

  it('puts a block on the tables is refused', async () => {
    const packed = await forge((file) => setEntry(file, 5, 6n | (3n << 20n)));
    expect(await refusal(packed)).toBe('BLOB_NOT_VHDX');
  });

  it('puts a block where the head itself lies is refused', async () => {
    fs.appendFileSync(layer, noise(MIB, 1));
    const end = BigInt(fs.statSync(layer).size / MIB);
    const packed = await forge((file) => setEntry(file, 5, 6n | ((end - 1n) << 20n)));
    expect(await refusal(packed)).toBe('BLOB_PLACEMENT');
  });

  /** The file has room for one more block, which the head does not claim. */
  function planWithRoom(): LayerPart[] {
    const plan = planParts(layer, TINY);
    fs.appendFileSync(layer, Buffer.alloc(MIB));
    return plan;
  }

  it.each([
    ['a window that was not announced', 12],
    ['more of a window than was announced', 4],
  ])('has %s is refused', async (_, block) => {
    const plan = planWithRoom();
    const end = BigInt(fs.statSync(layer).size / MIB);
    const packed = await forge((file) => setEntry(file, block, 6n | ((end - 1n) << 20n)), plan);
    expect(await refusal(packed)).toBe('BLOB_PLACEMENT');
  });

  it.each([
    ['nothing of a window that was announced', 5],
    ['less of a window than was announced', 1],
  ])('has %s is refused', async (_, block) => {
    const packed = await forge((file) => setEntry(file, block, 0n));
    expect(await refusal(packed)).toBe('BLOB_PLACEMENT');
  });

  it('cannot be found is refused', async () => {
    const packed = await forge((file) => file.fill(0, 192 * 1024, 320 * 1024));
    expect(await refusal(packed)).toBe('BLOB_NOT_VHDX');
  });

  it('is not yet what the log says is refused, and not sent either', async () => {
    const plan = planParts(layer, TINY);
    leaveUnclosed(layer, (ring) => putEntry(ring, 0, entryOf()));
    expect(await refusal(await forge(() => undefined, plan))).toBe('BLOB_NOT_VHDX');
    expect(() => planParts(layer, TINY)).toThrow(
      expect.objectContaining({ code: 'VHDX_LOG_NOT_EMPTY' }) as Error,
    );
  });

  it('is all noise is refused', async () => {
    const packed = await forge((file) => void noise(MIB, 7).copy(file, BAT_OFFSET));
    expect(await refusal(packed)).toBe('BLOB_NOT_VHDX');
  });
});

describe('a form', () => {
  const lie = async (change: (form: LayerForm) => LayerForm): Promise<void> => {
    const { form } = await packLayer(layer, TINY);
    expect(await codeOf(() => LayerWriter.create(copy, change(form), WINDOW))).toBe('BLOB_FORM_INVALID');
    expect(fs.existsSync(copy)).toBe(false);
  };
  const withBlob = (form: LayerForm, index: number, change: Partial<LayerBlob>): LayerForm => ({
    ...form,
    blobs: form.blobs.map((blob, at) => (at === index ? { ...blob, ...change } : blob)),
  });

  it.each<[string, (form: LayerForm) => LayerForm]>([
    ['of no blobs', (form) => ({ ...form, blobs: [] })],
    ['of another digest', (form) => ({ ...form, digest: form.blobs[0].digest })],
    ['of a negative size', (form) => ({ ...form, sizeBytes: -1 })],
    ['of a size that is no number', (form) => ({ ...form, sizeBytes: Number.NaN })],
    ['of a size beyond all files', (form) => ({ ...form, sizeBytes: 2 ** 60 })],
    ['smaller than its parts', (form) => ({ ...form, sizeBytes: 4 * MIB })],
    [
      'whose windows are in another order',
      (form) => ({ ...form, blobs: [form.blobs[0], form.blobs[2], form.blobs[1]] }),
    ],
    ['whose head is not first', (form) => ({ ...form, blobs: [...form.blobs].reverse() })],
    ['with a window twice', (form) => ({ ...form, blobs: [...form.blobs, form.blobs.at(-1)!] })],
    ['with a window nowhere', (form) => withBlob(form, 1, { windowIndex: 2 ** 50 })],
    ['with a window of no number', (form) => withBlob(form, 1, { windowIndex: 0.5 })],
    ['with a whole among its windows', (form) => withBlob(form, 1, { kind: 'whole' })],
    ['that is whole but cut', (form) => withBlob(form, 0, { kind: 'whole' })],
    ['with a blob without content', (form) => withBlob(form, 1, { contentBytes: 0 })],
    ['with a blob larger than any', (form) => withBlob(form, 1, { contentBytes: 2 ** 45 })],
    ['with tables too short', (form) => withBlob(form, 1, { tablesBytes: 10 })],
    [
      'with a blob that is nothing but tables',
      (form) => withBlob(form, 1, { sizeBytes: form.blobs[1].tablesBytes }),
    ],
    ['with a blob longer than its content allows', (form) => withBlob(form, 1, { sizeBytes: 2 ** 40 })],
    ['with a digest that is none', (form) => withBlob(form, 1, { contentDigest: 'sha256:0' })],
    ['whose head lies nowhere', ({ headExtents: _, ...form }) => form],
    [
      'whose head overlaps itself',
      (form) => ({ ...form, headExtents: [form.headExtents![0], form.headExtents![0]] }),
    ],
    [
      'whose head leaves the file',
      (form) => ({ ...form, headExtents: [{ fileOffset: 2 ** 40, length: 1 }] }),
    ],
    [
      'whose head is longer than its room',
      (form) => ({ ...form, headExtents: [{ fileOffset: 0, length: 1 }] }),
    ],
    [
      'whose head begins before the file',
      (form) => ({ ...form, headExtents: [{ fileOffset: -1, length: 4 * MIB }] }),
    ],
  ])('%s is refused before anything is made', async (_, change) => lie(change));

  it('of a whole layer that is cut too, or of another size, is refused', async () => {
    const { form } = await packLayer(layer);
    const forms = [
      { ...form, headExtents: [] },
      { ...form, blobs: [form.blobs[0], form.blobs[0]] },
      { ...form, sizeBytes: form.sizeBytes + 1 },
    ];
    for (const wrong of forms)
      expect(await codeOf(() => LayerWriter.create(copy, wrong))).toBe('BLOB_FORM_INVALID');
  });
});

describe('a writer', () => {
  it('never writes over a file', async () => {
    const { form } = await packLayer(layer);
    expect(await codeOf(() => LayerWriter.create(layer, form))).toBe('DISK_EXISTS');
    expect(fs.existsSync(layer)).toBe(true);
  });

  it('takes a blob again that failed, and no byte of the first attempt stays', async () => {
    const { child } = makeChain(folder);
    for (const sizes of [{}, TINY]) {
      const { form, files } = await packLayer(child, sizes);
      const writer = await LayerWriter.create(copy, form, WINDOW);
      for (const blob of form.blobs) {
        const bytes = fs.readFileSync(files.get(blob)!);
        // The whole content of another blob comes first: its noise lies where zeros belong.
        const wrong = Buffer.from(bytes);
        wrong[bytes.length - 1] ^= 1;
        expect(await codeOf(() => writer.write(blob, inPieces(wrong)))).toMatch(/^BLOB_/);
        expect(await codeOf(() => writer.write(blob, inPieces(bytes.subarray(0, 99))))).toBe(
          'BLOB_CUT_SHORT',
        );
        await writer.write(blob, inPieces(bytes));
      }
      await writer.finish();
      expect(isSameFile(child, copy)).toBe(true);
      fs.rmSync(copy);
    }
  });

  it('puts zeros where an attempt before wrote other content', async () => {
    const zeros = path.join(folder, 'zeros');
    fs.writeFileSync(zeros, Buffer.alloc(MIB));
    const part: LayerPart = { kind: 'whole', extents: [{ fileOffset: 0, length: MIB }], contentBytes: MIB };
    const blob = await packPart(zeros, part, `${zeros}.blob`);
    const writer = await LayerWriter.create(copy, formOf(zeros, [part], [blob]));
    fs.writeFileSync(zeros, noise(MIB, 1));
    await packPart(zeros, part, `${zeros}.other`);
    const other = inPieces(fs.readFileSync(`${zeros}.other`));
    expect(await codeOf(() => writer.write(blob, other))).toBe('BLOB_CONTENT_DIGEST');
    await writer.write(blob, inPieces(fs.readFileSync(`${zeros}.blob`)));
    await writer.finish();
    expect(fs.readFileSync(copy).equals(Buffer.alloc(MIB))).toBe(true);
  });

  it('leaves holes for zeros', async () => {
    const file = path.join(folder, 'sparse');
    fs.writeFileSync(file, Buffer.alloc(4096, 1));
    fs.truncateSync(file, 64 * MIB);
    const packed = await packLayer(file);
    expect(packed.form.blobs[0].sizeBytes).toBeLessThan(12 * 1024);
    await unpackLayer(packed, copy);
    expect(isSameFile(file, copy)).toBe(true);
    expect(allocatedBytes(copy)).toBeLessThanOrEqual(16 * 1024);
  });

  it('fails windows that wait for a head that failed', async () => {
    const { form, files } = await packLayer(layer, TINY);
    const writer = await LayerWriter.create(copy, form, WINDOW);
    const write = (blob: LayerBlob, bytes = fs.readFileSync(files.get(blob)!)) =>
      codeOf(() => writer.write(blob, inPieces(bytes)));
    const [head, window] = form.blobs;
    expect(await Promise.all([write(head, Buffer.from('junk')), write(window)])).toEqual([
      'BLOB_FRAME_DAMAGED',
      'BLOB_FRAME_DAMAGED',
    ]);
    expect(await Promise.all([write(head), write(window)])).toEqual([undefined, undefined]);
    await expect(writer.finish()).rejects.toThrow('not written');
    await writer.abandon();
    expect(fs.existsSync(copy)).toBe(false);
  });

  it('that is abandoned ends what is being written', async () => {
    const { form, files } = await packLayer(layer);
    const writer = await LayerWriter.create(copy, form);
    const bytes = fs.readFileSync(files.get(form.blobs[0])!);
    async function* abandoning(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1_500_000);
      await writer.abandon();
      yield bytes.subarray(1_500_000);
    }
    expect(await codeOf(() => writer.write(form.blobs[0], abandoning()))).toBe('INTERRUPTED');
    await writer.abandon();
    expect(fs.existsSync(copy)).toBe(false);
  });

  it('stops when it is told to', async () => {
    const { form, files } = await packLayer(layer);
    const writer = await LayerWriter.create(copy, form);
    const abort = new AbortController();
    const options = { signal: abort.signal, onProgress: () => abort.abort() };
    const bytes = inPieces(fs.readFileSync(files.get(form.blobs[0])!));
    expect(await codeOf(() => writer.write(form.blobs[0], bytes, options))).toBe('INTERRUPTED');
    await writer.abandon();
  });

  testWith(['root'], 'on a full disk says so, and so does packing', async () => {
    const { form, files } = await packLayer(layer);
    const small = path.join(folder, 'small');
    fs.mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small]);
    onTestFinished(() => void execFileSync('umount', [small]));
    const writer = await LayerWriter.create(path.join(small, 'copy.vhdx'), form);
    const bytes = inPieces(fs.readFileSync(files.get(form.blobs[0])!));
    expect(await codeOf(() => writer.write(form.blobs[0], bytes))).toBe('DISK_FULL');
    await writer.abandon();
    const [part] = planParts(layer);
    expect(await codeOf(() => packPart(layer, part, path.join(small, 'blob')))).toBe('DISK_FULL');
    expect(fs.readdirSync(small)).toEqual([]);
  });
});
