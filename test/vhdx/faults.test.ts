/** A host that runs out of space at any write: no data that were there before are lost or mixed up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HyperfileError, isHyperfileError } from '../../src/base/error.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { ChainIndex } from '../../src/vhdx/chain-index.ts';
import { writeIdentifier } from '../../src/vhdx/file-layout.ts';
import { finishLeaf } from '../../src/vhdx/finish.ts';
import { geometryOf } from '../../src/vhdx/geometry.ts';
import { readLayer, type Layer } from '../../src/vhdx/layer.ts';
import { Leaf } from '../../src/vhdx/leaf.ts';
import { encodeLocator } from '../../src/vhdx/locator.ts';
import { Gather } from '../../src/vhdx/runs.ts';
import { MIB, pattern } from './scratch.ts';

const DISK_BYTES = 4 * MIB;
const GUID = '11111111-2222-3333-4444-555555555555';

/** Fails the writes whose numbers are listed, after having done half of each. */
class FullFile extends MemoryFile {
  failing = new Set<number>();
  writes = 0;

  override writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    if (!this.failing.has(this.writes++)) return super.writeAt(source, at, length, fileOffset);
    super.writeAt(source, at, length >>> 1, fileOffset);
    throw new HyperfileError('DISK_FULL', { data: { path: this.path } });
  }
}

function metadataOf(hasParent: boolean) {
  return {
    sizeBytes: DISK_BYTES,
    blockBytes: MIB,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    virtualDiskId: GUID,
    leaveBlocksAllocated: false,
    hasParent,
    ...(hasParent && {
      locator: encodeLocator(
        new Map([
          ['parent_linkage', `{${GUID}}`],
          ['relative_path', '.\\base.vhdx'],
        ]),
      ),
    }),
  };
}

function finished(leaf: Leaf, hasParent: boolean): Layer {
  writeIdentifier(leaf.file);
  finishLeaf(leaf, metadataOf(hasParent), GUID);
  return readLayer(leaf.file);
}

/** A base with data in its first half. */
function base(): { layer: Layer; model: Buffer } {
  const model = Buffer.alloc(DISK_BYTES);
  pattern(DISK_BYTES / 2, 3).copy(model);
  const leaf = new Leaf(new MemoryFile(), geometryOf(metadataOf(false)), new ChainIndex([], 512));
  leaf.write(model, 0);
  return { layer: finished(leaf, false), model };
}

const change = fc.record({
  do: fc.constantFrom('write', 'write', 'zero'),
  first: fc.nat(DISK_BYTES / 4096 - 1),
  count: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.constant(256), fc.constant(300)),
  seed: fc.nat(100),
});

describe('when the host is full', () => {
  it('only the range of the failed write is undefined, then and after a seal', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 30 }),
        fc.array(fc.nat(40), { maxLength: 6 }),
        (changes, failing) => {
          const { layer, model } = base();
          const file = new FullFile();
          file.failing = new Set(failing);
          const leaf = new Leaf(file, geometryOf(metadataOf(true)), new ChainIndex([layer], 512));
          const undefinedBytes = new Uint8Array(DISK_BYTES);
          for (const { first, count, seed, ...change } of changes) {
            const at = first * 4096;
            const end = Math.min(DISK_BYTES, at + count * 4096);
            const bytes = change.do === 'write' ? pattern(end - at, seed) : Buffer.alloc(end - at);
            try {
              if (change.do === 'write') leaf.write(bytes, at);
              else leaf.zero(at, end - at);
              undefinedBytes.fill(0, at, end);
            } catch (error) {
              if (!isHyperfileError(error, 'DISK_FULL')) throw error;
              undefinedBytes.fill(1, at, end);
            }
            bytes.copy(model, at);
          }
          const read = Buffer.alloc(DISK_BYTES);
          const compare = () => {
            for (let at = 0; at < DISK_BYTES; at += 4096) {
              if (undefinedBytes[at] === 1) model.copy(read, at, at, at + 4096);
            }
            expect(read.equals(model)).toBe(true);
          };
          new Gather().read(leaf, read, 0);
          compare();
          file.failing.clear();
          const sealed = finished(leaf, true);
          new Gather().read(new ChainIndex([sealed, layer], 512), read.fill(0xee), 0);
          compare();
        },
      ),
      {
        numRuns: 30,
        examples: [
          // The failed write reaches sectors that the block does not own; zeroing them later must not show it.
          [
            [
              { do: 'zero', first: 0, count: 1, seed: 0 },
              { do: 'write', first: 0, count: 3, seed: 0 },
              { do: 'zero', first: 1, count: 256, seed: 0 },
            ],
            [0],
          ],
        ],
      },
    );
  });

  it('a disk whose seal failed can be written on and sealed again', () => {
    const { layer, model } = base();
    for (let failAt = 0; ; failAt++) {
      const file = new FullFile();
      const leaf = new Leaf(file, geometryOf(metadataOf(true)), new ChainIndex([layer], 512));
      const expected = Buffer.from(model);
      const write = (at: number, length: number, seed: number) => {
        leaf.write(pattern(length, seed), at);
        pattern(length, seed).copy(expected, at);
      };
      leaf.write(pattern(MIB, 5), 3 * MIB);
      write(2 * MIB, 4096, 6);
      write(0, MIB, 7);
      write(MIB, MIB, 8);
      leaf.zero(3 * MIB, MIB);
      leaf.zero(MIB, MIB);
      expected.fill(0, MIB, 2 * MIB);
      file.failing = new Set([file.writes + failAt]);
      try {
        finished(leaf, true);
        // So many writes a seal has; each of them has failed once.
        expect(failAt).toBeGreaterThan(8);
        return;
      } catch (error) {
        if (!isHyperfileError(error, 'DISK_FULL')) throw error;
      }
      file.failing.clear();
      // Needs fresh places, of which only a part is written: the rest must read as zeros.
      write(MIB + 4096, 512, 9);
      write(3 * MIB + 8192, 4096, 10);
      const read = Buffer.alloc(DISK_BYTES);
      new Gather().read(leaf, read, 0);
      expect(read.equals(expected)).toBe(true);
      new Gather().read(new ChainIndex([finished(leaf, true), layer], 512), read, 0);
      expect(read.equals(expected)).toBe(true);
    }
  });
});
