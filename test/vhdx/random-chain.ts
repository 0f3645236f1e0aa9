/** Random chains of a few megabytes, and what they hold. */
import fc from 'fast-check';
import path from 'node:path';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { MIB, pattern } from './scratch.ts';

interface Change {
  readonly kind: 'write' | 'zero';
  readonly at: number;
  readonly length: number;
  readonly seed: number;
}

interface LayerPlan {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly changes: readonly Change[];
}

export interface ChainPlan {
  readonly logicalSectorBytes: number;
  /** The base first. */
  readonly layers: readonly LayerPlan[];
}

export interface MadeChain {
  /** Leaf first. */
  readonly paths: readonly string[];
  /** Every byte of the disk. */
  readonly model: Buffer;
}

/** Places crowd around edges of blocks, or are anything at all; lengths are from a byte to several blocks. */
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('write', 'write', 'zero'),
  at: fc.oneof(
    fc.nat(8 * MIB),
    fc
      .tuple(fc.nat(8), fc.constantFrom(-4096, -512, 0, 512, 4096))
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

/** Makes the files of a plan, on top of a chain that is there when one is given. */
export function makeChain(folder: string, name: string, plan: ChainPlan, below?: MadeChain): MadeChain {
  let paths: readonly string[] = below?.paths ?? [];
  let model = below?.model ?? Buffer.alloc(0);
  for (const { sizeBytes, blockBytes, changes } of plan.layers) {
    const file = path.join(folder, `${name}${paths.length}.vhdx`);
    const disk =
      paths.length === 0
        ? createDisk(file, { sizeBytes, blockBytes, logicalSectorBytes: plan.logicalSectorBytes })
        : openSandbox({ chain: paths, sandboxPath: file, sizeBytes, blockBytes });
    const next = Buffer.alloc(sizeBytes);
    model.copy(next);
    model = next;
    for (const { kind, at, length, seed } of changes) {
      const count = Math.min(length, sizeBytes - at);
      if (count <= 0) continue;
      const bytes = kind === 'zero' ? Buffer.alloc(count) : pattern(count, seed);
      if (kind === 'zero') disk.zero(at, count);
      else disk.write(bytes, at);
      bytes.copy(model, at);
    }
    disk.seal();
    disk.close();
    paths = [file, ...paths];
  }
  return { paths, model };
}
