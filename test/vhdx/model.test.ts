import fc from 'fast-check';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isZero } from '../../src/disk/zeros.ts';
import type { SealableDisk } from '../../src/disk/sealable-disk.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { MIB, pattern } from './scratch.ts';

/** Random work on a disk, compared with a plain array of bytes after every step. */

type Step =
  | { do: 'write' | 'zero' | 'writeZeros'; at: number; length: number; seed: number }
  | { do: 'seal' }
  | { do: 'reopen'; blockBytes: number };

interface Case {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly logicalSectorBytes: number;
  readonly steps: readonly Step[];
}

const blockBytes = fc.constantFrom(MIB, MIB, 2 * MIB, 4 * MIB);

/** Places and lengths crowd around edges of sectors, blocks and the disk, or are anything at all. */
function range(sizeBytes: number) {
  const edge = fc.nat(Math.ceil((2 * sizeBytes) / MIB)).map((half) => (half * MIB) / 2);
  const near = fc
    .tuple(edge, fc.constantFrom(-4096, -512, -1, 0, 1, 512, 4096, 12288))
    .map(([at, by]) => at + by);
  const at = fc.oneof(near, fc.nat(sizeBytes));
  const length = fc.oneof(fc.constantFrom(512, 4096, MIB, 2 * MIB, 3 * MIB), fc.nat(200_000));
  return fc.tuple(at, length).map(([from, count]) => {
    const start = Math.max(0, Math.min(from, sizeBytes));
    return { at: start, length: Math.min(count, sizeBytes - start) };
  });
}

function step(sizeBytes: number): fc.Arbitrary<Step> {
  const change = fc
    .tuple(fc.constantFrom('write', 'write', 'zero', 'writeZeros'), range(sizeBytes), fc.nat(1000))
    .map(([kind, where, seed]) => ({ do: kind, ...where, seed }));
  return fc.oneof(
    { weight: 10, arbitrary: change },
    { weight: 1, arbitrary: fc.constant({ do: 'seal' } as const) },
    { weight: 1, arbitrary: blockBytes.map((bytes) => ({ do: 'reopen', blockBytes: bytes }) as const) },
  );
}

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    sizeBytes: fc.constantFrom(6 * MIB, 6 * MIB + 4096, 3 * MIB - 4096),
    blockBytes,
    logicalSectorBytes: fc.constantFrom(512, 4096),
  })
  .chain((shape) =>
    fc
      .array(step(shape.sizeBytes), { minLength: 1, maxLength: 25, size: 'max' })
      .map((steps) => ({ ...shape, steps })),
  );

class Run {
  readonly model: Buffer;
  readonly folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-model-'));
  readonly paths: string[] = [];
  readonly #read: Buffer;
  disk: SealableDisk;

  constructor(shape: Case) {
    this.model = Buffer.alloc(shape.sizeBytes);
    this.#read = Buffer.alloc(shape.sizeBytes);
    this.disk = createDisk(this.nextPath(), shape);
  }

  nextPath(): string {
    this.paths.unshift(path.join(this.folder, `layer${this.paths.length}.vhdx`));
    return this.paths[0];
  }

  take(step: Step): void {
    if (step.do === 'seal') return this.disk.seal(this.nextPath());
    if (step.do === 'reopen') return this.reopen(step.blockBytes);
    const { at, length } = step;
    if (step.do === 'write') {
      const bytes = pattern(length, step.seed);
      this.disk.write(bytes, at);
      this.model.set(bytes, at);
      return;
    }
    if (step.do === 'zero') this.disk.zero(at, length);
    else this.disk.write(new Uint8Array(length), at);
    this.model.fill(0, at, at + length);
  }

  reopen(blockBytes: number): void {
    this.disk.seal();
    this.disk.close();
    const chain = openChain(this.paths);
    chain.read(this.#read.fill(0xee), 0);
    chain.close();
    expect(this.#read.equals(this.model)).toBe(true);
    const chainPaths = [...this.paths];
    this.disk = openSandbox({ chain: chainPaths, sandboxPath: this.nextPath(), blockBytes });
  }

  check(): void {
    this.disk.read(this.#read.fill(0xee), 0);
    expect(this.#read.equals(this.model)).toBe(true);
    let end = 0;
    for (const { offset, length, kind } of this.disk.extents(0, this.model.length)) {
      expect(offset).toBe(end);
      end += length;
      if (kind === 'zero') expect(isZero(this.model, offset, end)).toBe(true);
    }
    expect(end).toBe(this.model.length);
  }

  end(): void {
    this.disk.close();
    fs.rmSync(this.folder, { recursive: true });
  }
}

describe('random writes, zeroing, sealing and reopening', () => {
  it('always leave what a plain array of bytes would hold', () => {
    fc.assert(
      fc.property(anyCase, (shape) => {
        const run = new Run(shape);
        try {
          for (const step of shape.steps) {
            run.take(step);
            run.check();
          }
          run.reopen(MIB);
        } finally {
          run.end();
        }
      }),
      { numRuns: 60 },
    );
  });
});
