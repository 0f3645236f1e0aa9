/** Random chains of a few megabytes, and what they hold. */
import fc from 'fast-check';
import path from 'node:path';
import { createFilledDisk } from '../../src/vhdx/filled-disk.ts';
import { createFixedDisk } from '../../src/vhdx/fixed-disk.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { MIB, pattern } from './scratch.ts';

interface Change {
  readonly kind: 'write' | 'zero';
  readonly at: number;
  readonly length: number;
  readonly seed: number;
}

export interface LayerPlan {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly changes: readonly Change[];
  /** Made by the disk that goes on when the layer below is sealed, not anew on its file; where the shape is the same. */
  readonly goesOn?: boolean;
}

export interface ChainPlan {
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes?: number;
  /** Which of our writers makes the base: that of sandboxes (default), of fixed disks, or of converted ones. */
  readonly baseKind?: 'sandbox' | 'fixed' | 'filled';
  /** The base first. */
  readonly layers: readonly LayerPlan[];
}

export interface MadeChain {
  /** Leaf first. */
  readonly paths: readonly string[];
  /** Every byte of the disk. */
  readonly model: Buffer;
  /** Every byte of the base alone. */
  readonly base: Buffer;
}

/** Places crowd around edges of blocks, or are anything at all; lengths are from a byte to several blocks. */
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('write', 'write', 'zero'),
  at: fc.oneof(
    fc.nat(8 * MIB),
    fc
      .tuple(fc.nat(8), fc.constantFrom(-4096, -512, -1, 0, 1, 512, 4096))
      .map(([mb, by]) => Math.max(0, mb * MIB + by)),
  ),
  length: fc.oneof(fc.constantFrom(512, 4096, MIB, 2 * MIB), fc.integer({ min: 1, max: 100_000 })),
  seed: fc.nat(1000),
});

const layer: fc.Arbitrary<LayerPlan> = fc.record({
  sizeBytes: fc.constantFrom(6 * MIB, 6 * MIB, 6 * MIB + 4096, 5 * MIB - 4096),
  blockBytes: fc.constantFrom(MIB, MIB, 2 * MIB),
  changes: fc.array(change, { maxLength: 8 }),
});

export function anyChain(maxDepth = 5): fc.Arbitrary<ChainPlan> {
  return fc.record({
    logicalSectorBytes: fc.constantFrom(512, 4096),
    layers: fc.array(layer, { minLength: 1, maxLength: maxDepth }),
  });
}

const anyBlockBytes = fc.constantFrom(
  ...[1, 1, 1, 1, 2, 2, 2, 4, 4, 8, 16, 32, 64, 128, 256].map((mebibytes) => mebibytes * MIB),
);

/** Sizes from the base up: around whole megabytes, mostly all the same, sometimes growing. */
function anySizes(sectorBytes: number): fc.Arbitrary<number[]> {
  const sectors = fc.constantFrom(0, 0, 0, 0, 1, -1, 2, 8, 9, -8);
  const first = fc
    .tuple(fc.integer({ min: 1, max: 4 }), sectors)
    .map(([mebibytes, more]) => mebibytes * MIB + more * sectorBytes);
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(MIB, sectorBytes, 2 * MIB + 3 * sectorBytes) },
  );
  return fc
    .tuple(first, fc.array(step, { maxLength: 7, size: 'max' }))
    .map(([bytes, steps]) => steps.reduce((all, by) => [...all, all.at(-1)! + by], [bytes]));
}

/** Chains of 1 to 8 layers with everything that the format allows. */
export const everyChain: fc.Arbitrary<ChainPlan> = fc
  .record({
    logicalSectorBytes: fc.constantFrom(512, 512, 4096),
    physicalSectorBytes: fc.constantFrom(512, 4096),
    baseKind: fc.constantFrom('sandbox', 'sandbox', 'fixed', 'filled'),
  })
  .chain((shape) =>
    anySizes(shape.logicalSectorBytes).chain((sizes) => {
      const layers = sizes.map((sizeBytes, i) =>
        fc.record({
          sizeBytes: fc.constant(sizeBytes),
          // All of a fixed disk is really written.
          blockBytes: i === 0 && shape.baseKind === 'fixed' ? fc.constantFrom(MIB, 4 * MIB) : anyBlockBytes,
          changes: fc.array(change, { maxLength: 6, size: 'max' }),
          goesOn: fc.boolean(),
        }),
      );
      return fc.tuple(...layers).map((made) => ({ ...shape, layers: made }));
    }),
  );

/** What all our writers of disks can do. */
interface Writer {
  write(source: Uint8Array, offset: number): void;
  zero?(offset: number, length: number): void;
  seal(nextPath?: string): void;
  close(): void;
}

/** Makes the files of a plan, on top of a chain that is there when one is given. */
export function makeChain(folder: string, name: string, plan: ChainPlan, below?: MadeChain): MadeChain {
  let paths: readonly string[] = below?.paths ?? [];
  let model = below?.model ?? Buffer.alloc(0);
  let base = below?.base;
  let disk: Writer | undefined;
  for (const [i, { sizeBytes, blockBytes, changes }] of plan.layers.entries()) {
    const fileOf = (layerIndex: number) => path.join(folder, `${name}${layerIndex}.vhdx`);
    const file = fileOf(paths.length);
    disk ??= openWriter(paths, file, plan, { sizeBytes, blockBytes });
    const next = Buffer.alloc(sizeBytes);
    model.copy(next);
    model = next;
    for (const one of changes) apply(disk, model, one);
    const above = plan.layers[i + 1];
    const goesOn = above?.goesOn === true && above.sizeBytes === sizeBytes && !isBaseOnly(plan, paths);
    disk.seal(goesOn ? fileOf(paths.length + 1) : undefined);
    if (!goesOn) {
      disk.close();
      disk = undefined;
    }
    paths = [file, ...paths];
    base ??= model;
  }
  return { paths, model, base: base ?? model };
}

/** Fixed and converted disks are finished when they are sealed. */
function isBaseOnly({ baseKind = 'sandbox' }: ChainPlan, below: readonly string[]): boolean {
  return below.length === 0 && baseKind !== 'sandbox';
}

function openWriter(
  below: readonly string[],
  file: string,
  plan: ChainPlan,
  shape: { sizeBytes: number; blockBytes: number },
): Writer {
  if (below.length > 0) return openSandbox({ chain: below, sandboxPath: file, ...shape });
  const { logicalSectorBytes, physicalSectorBytes = 4096 } = plan;
  const make = { sandbox: createDisk, fixed: createFixedDisk, filled: createFilledDisk }[
    plan.baseKind ?? 'sandbox'
  ];
  return make(file, { ...shape, logicalSectorBytes, physicalSectorBytes });
}

function apply(disk: Writer, model: Buffer, { kind, at, length, seed }: Change): void {
  const count = Math.min(length, model.length - at);
  if (count <= 0) return;
  // A short piece again and again, of a length that no sector has: quick to make, and no two sectors alike.
  const bytes = kind === 'zero' ? Buffer.alloc(count) : Buffer.alloc(count, pattern(4099, seed));
  if (kind === 'zero' && disk.zero) disk.zero(at, count);
  else disk.write(bytes, at);
  bytes.copy(model, at);
}
