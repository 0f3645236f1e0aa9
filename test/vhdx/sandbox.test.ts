import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openChain } from '../../src/vhdx/chain.ts';
import { createVhdx } from '../../src/vhdx/create.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { contents, GIB, MIB, pattern, scratchFolder } from './scratch.ts';

const refusal = (code: string) => expect.objectContaining({ code }) as Error;

function emptyBase() {
  const folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  createVhdx(at('base.vhdx'), { sizeBytes: 8 * MIB });
  return { folder, at, base: at('base.vhdx') };
}

describe('a sandbox', () => {
  it('goes on with a fresh difference after a seal, and each layer shows its own moment', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: [base], sandboxPath: at('1.vhdx') });
    disk.write(pattern(4096, 1), 0);
    disk.seal(at('2.vhdx'));
    disk.write(pattern(4096, 2), 0);
    disk.seal(at('3.vhdx'));
    disk.close();
    for (const [name, seed] of [
      ['1.vhdx', 1],
      ['2.vhdx', 2],
    ] as const) {
      const chain = openChain(at(name));
      expect(contents(chain).subarray(0, 4096).equals(pattern(4096, seed))).toBe(true);
      chain.close();
    }
  });

  it('that was never sealed is recognized as unfinished', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    disk.write(pattern(MIB, 1), 0);
    disk.flush();
    disk.close();
    expect(() => openChain(at('1.vhdx'))).toThrow(refusal('VHDX_UNFINISHED'));
  });

  it('cannot be written once it is sealed for good, but read', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    disk.write(pattern(512, 1), 512);
    disk.seal();
    expect(() => disk.write(pattern(512, 1), 0)).toThrow(refusal('DISK_READ_ONLY'));
    expect(() => disk.zero(0, 512)).toThrow(refusal('DISK_READ_ONLY'));
    expect(() => disk.seal()).toThrow(refusal('DISK_READ_ONLY'));
    expect(contents(disk).subarray(512, 1024).equals(pattern(512, 1))).toBe(true);
    disk.close();
    disk.close();
  });

  it('refuses what does not lie on its disk', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    const piece = Buffer.alloc(4096);
    for (const offset of [8 * MIB, 8 * MIB - 4095, -1, Number.NaN]) {
      expect(() => disk.read(piece, offset)).toThrow(refusal('DISK_OUT_OF_RANGE'));
      expect(() => disk.write(piece, offset)).toThrow(refusal('DISK_OUT_OF_RANGE'));
      expect(() => disk.zero(offset, 4096)).toThrow(refusal('DISK_OUT_OF_RANGE'));
    }
    disk.close();
  });

  it('never writes over a file, and leaves nothing when it cannot be opened', () => {
    const { at, base, folder } = emptyBase();
    expect(() => openSandbox({ chain: base, sandboxPath: base })).toThrow(refusal('DISK_EXISTS'));
    expect(() => openSandbox({ chain: at('none.vhdx'), sandboxPath: at('1.vhdx') })).toThrow(
      refusal('DISK_NOT_FOUND'),
    );
    expect(() => openSandbox({ chain: base, sandboxPath: at('no/1.vhdx') })).toThrow(
      refusal('DISK_NOT_FOUND'),
    );
    expect(fs.readdirSync(folder)).toEqual(['base.vhdx']);
    openChain(base).close();
  });

  it('goes on as if nothing had happened when the next difference cannot be made', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    disk.write(pattern(4096, 1), 0);
    expect(() => disk.seal(base)).toThrow(refusal('DISK_EXISTS'));
    disk.write(pattern(4096, 2), 4096);
    disk.seal(at('2.vhdx'));
    disk.close();
    const chain = openChain(at('1.vhdx'));
    expect(
      contents(chain)
        .subarray(0, 8192)
        .equals(Buffer.concat([pattern(4096, 1), pattern(4096, 2)])),
    ).toBe(true);
    chain.close();
  });

  it('changes no byte of the layers below', () => {
    const { at, base } = emptyBase();
    const before = fs.readFileSync(base);
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    disk.write(pattern(2 * MIB, 1), 100);
    disk.zero(5000, MIB);
    disk.seal(at('2.vhdx'));
    const first = fs.readFileSync(at('1.vhdx'));
    disk.write(pattern(2 * MIB, 2), 0);
    disk.seal();
    disk.close();
    expect(fs.readFileSync(base).equals(before)).toBe(true);
    expect(fs.readFileSync(at('1.vhdx')).equals(first)).toBe(true);
  });

  it('reads a stretch that lies in one piece of one file in one call', () => {
    const { at, base } = emptyBase();
    const disk = openSandbox({ chain: base, sandboxPath: at('1.vhdx') });
    disk.write(pattern(4 * MIB, 1), 0);
    disk.seal();
    disk.close();
    const chain = openChain(at('1.vhdx'));
    let calls = 0;
    const { file } = chain.layers[0];
    const readAt = file.readAt.bind(file);
    file.readAt = (...args) => {
      calls++;
      readAt(...args);
    };
    chain.read(Buffer.alloc(2 * MIB), MIB / 2);
    expect(calls).toBe(1);
    chain.close();
  });
});

describe('a new disk is refused', () => {
  it.each([
    ['of no size', { sizeBytes: 0 }],
    ['of half a sector', { sizeBytes: MIB + 256 }],
    ['beyond 64 TiB', { sizeBytes: 64 * 1024 * GIB + MIB }],
    ['with blocks of 3 MiB', { sizeBytes: GIB, blockBytes: 3 * MIB }],
    ['with blocks of 512 MiB', { sizeBytes: GIB, blockBytes: 512 * MIB }],
    ['with sectors of 2048 bytes', { sizeBytes: GIB, logicalSectorBytes: 2048 }],
    ['of a size that is no number', { sizeBytes: Number.NaN }],
  ])('%s', (_what, options) => {
    const folder = scratchFolder();
    expect(() => createDisk(path.join(folder, 'a.vhdx'), options)).toThrow(refusal('VHDX_GEOMETRY'));
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});
