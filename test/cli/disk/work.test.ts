import { describe, expect, test, vi } from 'vitest';
import { HyperfileError } from '../../../src/base/error.ts';
import { withDiskWork, writeResult } from '../../../src/cli/disk/work.ts';
import { fakeConsole } from '../fake-console.ts';

const GIB = 1024 ** 3;
const TITLE = 'converting a.raw to b.vhdx';
const half = { done: GIB / 2, total: GIB, unit: 'bytes' } as const;
const whole = { done: GIB, total: GIB, unit: 'bytes' } as const;

describe('work on disks', () => {
  test('gives back what was made, and tells a log of its beginning and its end', async () => {
    const console = fakeConsole();
    const made = await withDiskWork({ progress: 'auto' }, console, TITLE, ({ onProgress }) => {
      onProgress(half);
      onProgress(whole);
      return Promise.resolve('made');
    });
    expect(made).toBe('made');
    expect(console.written.err).toMatch(/^converting a\.raw to b\.vhdx\nconverting .*: DONE {2}1 GiB .*\n$/);
    expect(console.written.out).toBe('');
  });

  test('that never tells of progress leaves no line', async () => {
    const console = fakeConsole();
    await withDiskWork({ progress: 'plain' }, console, TITLE, () => Promise.resolve());
    expect(console.written).toEqual({ out: '', err: '' });
  });

  test('says nothing under --quiet, and fails as the work does', async () => {
    const console = fakeConsole();
    const failing = withDiskWork({ progress: 'auto', quiet: true }, console, TITLE, ({ onProgress }) => {
      onProgress(half);
      return Promise.reject(new HyperfileError('DISK_EXISTS', { data: { path: '/b' } }));
    });
    await expect(failing).rejects.toMatchObject({ code: 'DISK_EXISTS' });
    expect(console.written).toEqual({ out: '', err: '' });
  });

  test('tells programs of its events as JSON', async () => {
    const console = fakeConsole();
    await withDiskWork({ progress: 'json' }, console, TITLE, ({ onProgress }) => {
      onProgress(whole);
      return Promise.resolve();
    });
    const events = console.written.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(events).toMatchObject([
      { type: 'work-start', title: TITLE },
      { type: 'work-progress', ...whole },
      { type: 'work-end', status: 'done' },
    ]);
  });

  test('hears of Ctrl-C, and whatever it throws then means that it was interrupted', async () => {
    const console = fakeConsole();
    const work = withDiskWork({ progress: 'auto' }, console, TITLE, async ({ signal }) => {
      process.emit('SIGINT');
      await vi.waitUntil(() => signal.aborted);
      throw new Error('the tool was killed');
    });
    await expect(work).rejects.toMatchObject({ code: 'INTERRUPTED', exitStatus: 130 });
    expect(console.written.err).toMatch(/^WARNING: interrupted: cleaning up.*\n$/);
  });

  test('needs a terminal for --progress=tty', async () => {
    const console = fakeConsole();
    const work = withDiskWork({ progress: 'tty' }, console, TITLE, () => Promise.resolve());
    await expect(work).rejects.toMatchObject({ code: 'CLI_NO_TERMINAL' });
  });
});

describe('a result', () => {
  const print = (flags: Parameters<typeof writeResult>[0]) => {
    const console = fakeConsole();
    writeResult(flags, console, { path: '/b' }, 'b: dynamic\n');
    return console.written.out;
  };

  test('is text, or JSON where JSON was asked for, and no text under --quiet', () => {
    expect(print({ format: 'table', progress: 'auto' })).toBe('b: dynamic\n');
    expect(print({ format: 'table', progress: 'auto', quiet: true })).toBe('');
    expect(print({ format: 'json', progress: 'auto', quiet: true })).toBe('{"path":"/b"}\n');
    expect(print({ format: 'table', progress: 'json' })).toBe('{"path":"/b"}\n');
  });
});
