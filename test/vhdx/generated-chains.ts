/** Chains of every shape the format allows, small enough to be read by slow readers, with what they hold as plain bytes. */
import fc from 'fast-check';
import path from 'node:path';
import type { SealableDisk } from '../../src/disk/sealable-disk.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { MIB, pattern } from './scratch.ts';

export interface Change {
  readonly kind: 'write' | 'zero';
  readonly at: number;
  readonly length: number;
  readonly seed: number;
}

export interface LayerShape {
  readonly blockBytes: number;
  readonly sizeBytes: number;
  /** Made by the sandbox that goes on after a seal, not by a new one on the files; only where the shape stays. */
  readonly goesOn: boolean;
  readonly changes: readonly Change[];
}

export interface ChainShape {
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  /** Base first. */
  readonly layers: readonly LayerShape[];
}

/** A chain on disk. */
export interface MadeChain {
  /** Leaf first. */
  readonly files: readonly string[];
  /** What the base alone holds. */
  readonly base: Buffer;
  /** What the whole chain shows. */
  readonly leaf: Buffer;
}

const blockBytes = fc.constantFrom(
  ...[1, 1, 1, 1, 2, 2, 2, 4, 4, 8, 16, 32, 64, 128, 256].map((mebibytes) => mebibytes * MIB),
);

/** Sizes around whole megabytes: even, one sector more or less, some sectors in between. */
function sizeBytes(sectorBytes: number): fc.Arbitrary<number> {
  const sectors = fc.constantFrom(0, 0, 0, 0, 1, -1, 2, 8, 9, -8);
  return fc
    .tuple(fc.integer({ min: 1, max: 4 }), sectors)
    .map(([mebibytes, more]) => mebibytes * MIB + more * sectorBytes);
}

/** Writes and zeroings that crowd around the edges of sectors, of megabytes and of the disk. */
function changes(diskBytes: number): fc.Arbitrary<Change[]> {
  const edge = fc
    .tuple(fc.nat(Math.ceil((2 * diskBytes) / MIB)), fc.constantFrom(-4096, -512, -1, 0, 0, 0, 1, 512, 4096))
    .map(([half, by]) => (half * MIB) / 2 + by);
  const at = fc.oneof(edge, fc.nat(diskBytes));
  const length = fc.oneof(
    fc.constantFrom(512, 4096, MIB, MIB, 2 * MIB, 3 * MIB),
    fc.integer({ min: 1, max: 90_000 }),
  );
  const change = fc
    .tuple(fc.constantFrom('write' as const, 'write' as const, 'zero' as const), at, length, fc.nat(999))
    .map(([kind, from, count, seed]) => {
      const start = Math.min(Math.max(0, from), diskBytes - 1);
      return { kind, at: start, length: Math.min(count, diskBytes - start), seed };
    });
  return fc.array(change, { maxLength: 6, size: 'max' });
}

function layer(diskBytes: number): fc.Arbitrary<LayerShape> {
  return fc.record({
    blockBytes,
    sizeBytes: fc.constant(diskBytes),
    goesOn: fc.boolean(),
    changes: changes(diskBytes),
  });
}

/** The sizes from the base up: mostly one, sometimes growing, rarely shrinking. */
function sizes(sectorBytes: number): fc.Arbitrary<number[]> {
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(MIB, sectorBytes, 2 * MIB + 3 * sectorBytes) },
  );
  return fc
    .tuple(sizeBytes(sectorBytes), fc.array(step, { maxLength: 7, size: 'max' }))
    .map(([first, steps]) => steps.reduce((all, by) => [...all, all.at(-1)! + by], [first]));
}

/** Chains of 1 to 8 layers. */
export const anyChain: fc.Arbitrary<ChainShape> = fc
  .record({
    logicalSectorBytes: fc.constantFrom(512, 512, 4096),
    physicalSectorBytes: fc.constantFrom(512, 4096),
  })
  .chain((sectors) =>
    sizes(sectors.logicalSectorBytes).chain((bytes) =>
      fc.tuple(...bytes.map(layer)).map((layers) => ({ ...sectors, layers })),
    ),
  );

/** Makes the files of a chain in a folder: base.vhdx, layer1.vhdx and so on. */
export function makeChain(folder: string, shape: ChainShape): MadeChain {
  const files: string[] = [];
  const nameOf = (index: number) => path.join(folder, index === 0 ? 'base.vhdx' : `layer${index}.vhdx`);
  let disk: SealableDisk | undefined;
  const model = Buffer.alloc(Math.max(...shape.layers.map(({ sizeBytes }) => sizeBytes)));
  let base = model;
  try {
    for (const [index, layer] of shape.layers.entries()) {
      disk ??= openLayerFor(files, nameOf(index), shape, layer);
      for (const change of layer.changes) apply(disk, model, change);
      const next = shape.layers[index + 1];
      if (next?.goesOn && next.sizeBytes === layer.sizeBytes) disk.seal(nameOf(index + 1));
      else {
        disk.seal();
        disk.close();
        disk = undefined;
      }
      files.unshift(nameOf(index));
      if (index === 0) base = Buffer.from(model.subarray(0, layer.sizeBytes));
    }
  } finally {
    disk?.close();
  }
  return { files, base, leaf: model.subarray(0, shape.layers.at(-1)!.sizeBytes) };
}

function openLayerFor(
  files: readonly string[],
  file: string,
  shape: ChainShape,
  layer: LayerShape,
): SealableDisk {
  if (files.length === 0) return createDisk(file, { ...shape, ...layer });
  return openSandbox({
    chain: [...files],
    sandboxPath: file,
    blockBytes: layer.blockBytes,
    sizeBytes: layer.sizeBytes,
  });
}

function apply(disk: SealableDisk, model: Buffer, { kind, at, length, seed }: Change): void {
  // A short piece again and again, of a length that no sector has: quick to make, and no two sectors alike.
  const bytes = kind === 'zero' ? Buffer.alloc(length) : Buffer.alloc(length, pattern(4099, seed));
  if (kind === 'zero') disk.zero(at, length);
  else disk.write(bytes, at);
  bytes.copy(model, at);
}
