import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { memoryDisk } from '../../src/disk/file-disk.ts';
import type { SealableDisk } from '../../src/disk/sealable-disk.ts';
import { CONTROL_NODE, Kernel } from './support/kernel.ts';

const { EBADF, EINVAL, EIO, EISDIR, ENOENT, ENOSPC, ENOSYS, EOPNOTSUPP, EPROTO, EROFS } = constants.errno;
const DISK_BYTES = 4 * 1024 * 1024;
const DISK_NODE = 3;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const ZERO_RANGE = 16;

function memorySandbox(changes: Partial<SealableDisk> = {}): SealableDisk {
  return Object.assign(memoryDisk(DISK_BYTES), { seal: () => undefined }, changes);
}

/** A kernel that has a disk mounted as node 3. */
function withDisk(disk: SealableDisk = memorySandbox(), writable = true): Kernel {
  const kernel = new Kernel(() => (writable ? { writable: true, disk } : { writable: false, disk }));
  const added = kernel.control({ action: 'add', chain: ['/base'], sandboxPath: '/sandbox' });
  expect(added).toEqual({ result: { name: 'disk-1', sizeBytes: DISK_BYTES, logicalSectorBytes: 512 } });
  return kernel;
}

function initBody(major: number, minor: number, flags: number): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(major, 0);
  body.writeUInt32LE(minor, 4);
  body.writeUInt32LE(0x20000, 8);
  body.writeUInt32LE(flags, 12);
  return body;
}

describe('the first words with the kernel', () => {
  it('agree on one-megabyte transfers and take only flags that the kernel offered', () => {
    const offered = (1 << 0) | (1 << 15) | (1 << 22);
    const { error, payload } = new Kernel(() => expect.fail()).ask(26, 0, initBody(7, 45, offered));
    expect(error).toBe(0);
    expect(payload.length).toBe(64);
    expect([payload.readUInt32LE(0), payload.readUInt32LE(4)]).toEqual([7, 38]);
    expect(payload.readUInt32LE(12)).toBe(offered);
    expect(payload.readUInt32LE(20)).toBe(1024 * 1024);
    expect(payload.readUInt16LE(28)).toBe(256);
  });

  it('answer a newer major version with ours, refuse an older one, and never claim a newer minor version', () => {
    const kernel = new Kernel(() => expect.fail());
    expect(kernel.ask(26, 0, initBody(8, 0, 0)).payload.readUInt32LE(0)).toBe(7);
    expect(kernel.ask(26, 0, initBody(6, 0, 0)).error).toBe(EPROTO);
    expect(kernel.ask(26, 0, initBody(7, 31, 0)).payload.readUInt32LE(4)).toBe(31);
  });
});

describe('a disk', () => {
  it('gives back what was written, at any offset and length', () => {
    const kernel = withDisk();
    const mirror = Buffer.alloc(DISK_BYTES);
    const range = fc
      .tuple(fc.integer({ min: 0, max: DISK_BYTES - 1 }), fc.integer({ min: 1, max: 300_000 }), fc.nat(255))
      .map(([offset, length, value]) => ({ offset, length: Math.min(length, DISK_BYTES - offset), value }));
    fc.assert(
      fc.property(range, range, (write, read) => {
        const data = Buffer.alloc(write.length, write.value);
        expect(kernel.write(DISK_NODE, write.offset, data).payload.readUInt32LE(0)).toBe(write.length);
        data.copy(mirror, write.offset);
        const { payload } = kernel.read(DISK_NODE, read.offset, read.length);
        expect(payload.equals(mirror.subarray(read.offset, read.offset + read.length))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('ends where it ends: reads stop short, writes past the end have no space', () => {
    const kernel = withDisk();
    expect(kernel.read(DISK_NODE, DISK_BYTES - 512, 4096).payload.length).toBe(512);
    expect(kernel.read(DISK_NODE, DISK_BYTES + 4096, 4096).payload.length).toBe(0);
    expect(kernel.write(DISK_NODE, DISK_BYTES - 512, Buffer.alloc(1024)).error).toBe(ENOSPC);
    expect(kernel.control({ action: 'failure', name: 'disk-1' })).toEqual({ result: {} });
  });

  it('reads as zeros where it was discarded or zeroed, and knows no other allocation', () => {
    const kernel = withDisk();
    kernel.write(DISK_NODE, 0, Buffer.alloc(16384, 7));
    expect(kernel.allocate(DISK_NODE, PUNCH_HOLE | KEEP_SIZE, 0, 4096).error).toBe(0);
    expect(kernel.allocate(DISK_NODE, ZERO_RANGE | KEEP_SIZE, 8192, 4096).error).toBe(0);
    const expected = Buffer.concat([0, 7, 0, 7].map((value) => Buffer.alloc(4096, value)));
    expect(kernel.read(DISK_NODE, 0, 16384).payload.equals(expected)).toBe(true);
    expect(kernel.allocate(DISK_NODE, 0, 0, 4096).error).toBe(EOPNOTSUPP);
    expect(kernel.allocate(DISK_NODE, PUNCH_HOLE | KEEP_SIZE, DISK_BYTES, 4096).error).toBe(EINVAL);
  });

  it('that is only read refuses every change', () => {
    const kernel = withDisk(memorySandbox(), false);
    expect(kernel.write(DISK_NODE, 0, Buffer.alloc(512)).error).toBe(EROFS);
    expect(kernel.allocate(DISK_NODE, PUNCH_HOLE | KEEP_SIZE, 0, 512).error).toBe(EROFS);
  });

  it('takes no more writes once it is sealed for good, and goes on after a seal with a next file', () => {
    const kernel = withDisk();
    kernel.control({ action: 'seal', name: 'disk-1', nextPath: '/next' });
    expect(kernel.write(DISK_NODE, 0, Buffer.alloc(512)).error).toBe(0);
    kernel.control({ action: 'seal', name: 'disk-1' });
    expect(kernel.write(DISK_NODE, 0, Buffer.alloc(512)).error).toBe(EROFS);
    expect(kernel.read(DISK_NODE, 0, 512).error).toBe(0);
  });

  it('is gone after it was removed, and its number is not used again', () => {
    const kernel = withDisk();
    kernel.control({ action: 'remove', name: 'disk-1' });
    expect(kernel.read(DISK_NODE, 0, 512).error).toBe(EIO);
    expect(kernel.lookup('disk-1').error).toBe(ENOENT);
    kernel.control({ action: 'add', chain: ['/base'], sandboxPath: '/sandbox' });
    expect(kernel.lookup('disk-2').payload.readBigUInt64LE(0)).toBe(4n);
  });
});

describe('a disk that fails', () => {
  const full = new HyperfileError('DISK_FULL', { data: { path: '/store/layer.vhdx' } });
  const fail = (error: Error) => () => {
    throw error;
  };

  it('tells the kernel there is no space, and the reason at the seal', () => {
    const kernel = withDisk(memorySandbox({ write: fail(full) }));
    expect(kernel.write(DISK_NODE, 0, Buffer.alloc(512)).error).toBe(ENOSPC);
    expect(kernel.control({ action: 'seal', name: 'disk-1' })).toMatchObject({
      failure: { code: 'DISK_FULL', data: { path: '/store/layer.vhdx' } },
    });
  });

  it('keeps the first reason, of whatever kind, and says what it was', () => {
    const kernel = withDisk(memorySandbox({ read: fail(new Error('the cable is out')), write: fail(full) }));
    expect(kernel.read(DISK_NODE, 0, 512).error).toBe(EIO);
    expect(kernel.write(DISK_NODE, 0, Buffer.alloc(512)).error).toBe(ENOSPC);
    expect(kernel.control({ action: 'failure', name: 'disk-1' })).toMatchObject({
      result: {
        failure: { code: 'FUSE_DISK_FAILED', data: { path: '/sandbox', reason: 'the cable is out' } },
      },
    });
  });

  it('is not sealed again when the seal itself failed', () => {
    let seals = 0;
    const seal = () => {
      seals++;
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    const kernel = withDisk(memorySandbox({ seal }));
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(kernel.control({ action: 'seal', name: 'disk-1', nextPath: '/next' })).toMatchObject({
        failure: { code: 'DISK_FULL' },
      });
    }
    expect(seals).toBe(1);
  });
});

describe('the control file', () => {
  it('answers nonsense with an error and goes on', () => {
    const kernel = withDisk();
    const nonsense = ['', '{', 'null', '[]', '{"action":"dance"}', '{"action":"add","chain":[]}'];
    nonsense.push(
      '{"action":"add","chain":"/base"}',
      '{"action":"seal"}',
      '{"action":"seal","name":"x","nextPath":1}',
    );
    for (const line of nonsense) {
      expect(kernel.control(line), line).toMatchObject({ failure: { code: 'FUSE_BAD_REQUEST' } });
    }
    expect(kernel.control({ action: 'hello' })).toEqual({ result: { pid: process.pid } });
    expect(kernel.control({ action: 'seal', name: 'nobody' })).toMatchObject({
      failure: { code: 'FUSE_NO_SUCH_DISK', data: { name: 'nobody' } },
    });
  });

  it('passes on why a disk could not be opened', () => {
    const kernel = new Kernel(() => {
      throw new HyperfileError('DISK_NOT_FOUND', { data: { path: '/base' }, at: 'byte 0' });
    });
    expect(kernel.control({ action: 'add', chain: ['/base'] })).toMatchObject({
      failure: { code: 'DISK_NOT_FOUND', data: { path: '/base' }, at: 'byte 0' },
    });
    expect(kernel.lookup('disk-1').error).toBe(ENOENT);
  });

  it('takes a request in pieces and answers each opener alone', () => {
    const kernel = withDisk();
    const open = () => Number(kernel.ask(14, CONTROL_NODE, Buffer.alloc(8)).payload.readBigUInt64LE(0));
    const [one, two] = [open(), open()];
    kernel.write(CONTROL_NODE, 0, Buffer.from('{"action":'), one);
    expect(kernel.read(CONTROL_NODE, 0, 100, one).payload.length).toBe(0);
    kernel.write(CONTROL_NODE, 0, Buffer.from('{"action":"failure","name":"disk-1"}\n'), two);
    kernel.write(CONTROL_NODE, 10, Buffer.from('"hello"}\n'), one);
    expect(kernel.read(CONTROL_NODE, 0, 100, one).payload.toString()).toContain('pid');
    expect(kernel.read(CONTROL_NODE, 3, 100, two).payload.toString()).toBe('esult":{}}\n');
    expect(kernel.read(CONTROL_NODE, 0, 100, 99).error).toBe(EBADF);
  });
});

describe('what else the kernel sends', () => {
  it('a listing names every file once, in as many pieces as asked for', () => {
    const kernel = withDisk();
    const names: string[] = [];
    for (let offset = 0; ;) {
      const body = Buffer.alloc(40);
      body.writeBigUInt64LE(BigInt(offset), 8);
      body.writeUInt32LE(64, 16);
      const { payload } = kernel.ask(28, 1, body);
      if (payload.length === 0) break;
      for (let at = 0; at < payload.length;) {
        const nameBytes = payload.readUInt32LE(at + 16);
        names.push(payload.toString('utf8', at + 24, at + 24 + nameBytes));
        offset = Number(payload.readBigUInt64LE(at + 8));
        at += Math.ceil((24 + nameBytes) / 8) * 8;
      }
    }
    expect(names).toEqual(['.', '..', 'control', 'disk-1']);
  });

  it('forgetting and interrupting get no answer, flushing is answered at once, the unknown is refused', () => {
    const kernel = withDisk(memorySandbox({ flush: () => expect.fail() }));
    for (const opcode of [2, 36, 42])
      expect(kernel.send(opcode, DISK_NODE, Buffer.alloc(16))).toBeUndefined();
    for (const opcode of [20, 25, 30, 34, 38])
      expect(kernel.ask(opcode, DISK_NODE, Buffer.alloc(16)).error).toBe(0);
    for (const opcode of [5, 22, 39, 40, 46, 47, 999])
      expect(kernel.ask(opcode, DISK_NODE).error).toBe(ENOSYS);
    expect(kernel.ask(14, 1, Buffer.alloc(8)).error).toBe(EISDIR);
  });

  it('lengths that do not fit are refused', () => {
    const kernel = withDisk();
    expect(kernel.raw(Buffer.alloc(12))).toBeUndefined();
    const lying = Buffer.alloc(40);
    lying.writeUInt32LE(4000, 0);
    lying.writeUInt32LE(3, 4);
    expect(kernel.raw(lying)?.error).toBe(EIO);
    for (const opcode of [14, 15, 16, 26, 28, 43])
      expect(kernel.ask(opcode, DISK_NODE, Buffer.alloc(4)).error).toBe(EINVAL);
    const tooLong = Buffer.alloc(48);
    tooLong.writeUInt32LE(4096, 16);
    expect(kernel.ask(16, DISK_NODE, tooLong).error).toBe(EINVAL);
  });

  it('any bytes at all get a well-formed answer or none', () => {
    const kernel = withDisk();
    const request = fc.record({
      opcode: fc.nat(60),
      nodeId: fc.nat(5),
      body: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(request, ({ opcode, nodeId, body }) => {
        const answer = kernel.send(opcode, nodeId, body);
        if (answer && answer.error !== 0) expect(answer.payload.length).toBe(0);
      }),
      { numRuns: 3000 },
    );
  });
});
