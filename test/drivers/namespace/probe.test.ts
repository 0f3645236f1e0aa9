import { describe, expect, test } from 'vitest';
import { probeHost, type Host } from '../../../src/drivers/namespace/probe.ts';

const GOOD: Host = {
  platform: 'linux',
  architecture: 'x64',
  userId: 0,
  hasTool: () => true,
  exists: () => true,
  canOpen: () => true,
  readText: () => 'nodev\tproc\n\text4\n',
  freeBytes: 2 ** 40,
};

function problems(host: Partial<Host>): string[] {
  const findings = probeHost('/nowhere', { ...GOOD, ...host }).filter(({ level }) => level === 'problem');
  expect(findings.every(({ todo }) => todo !== undefined)).toBe(true);
  return findings.map(({ what }) => what);
}

describe('the examination of a host', () => {
  test('finds nothing wrong with a good one', () => {
    expect(probeHost('/nowhere', GOOD).every(({ level }) => level === 'ok')).toBe(true);
  });

  test('names what is missing, and how to get it', () => {
    expect(problems({ userId: 1000 })).toEqual(['root rights are missing']);
    expect(problems({ exists: (path) => path !== '/dev/fuse' })).toEqual(['/dev/fuse is missing']);
    expect(problems({ canOpen: (path) => path !== '/dev/loop-control' })).toEqual([
      '/dev/loop-control cannot be opened',
    ]);
    expect(problems({ exists: (path) => path !== '/proc/self/ns/pid' })).toEqual([
      'the kernel has no pid namespaces',
    ]);
    expect(problems({ architecture: 'riscv64' })).toEqual(['commands cannot be started on riscv64']);
    expect(problems({ freeBytes: 1000 })).toEqual(['0.0 GiB free for the store']);
    expect(problems({ platform: 'win32' })).toEqual(['it runs win32, not Linux']);
  });

  test('names the package of a missing program', () => {
    const findings = probeHost('/nowhere', { ...GOOD, hasTool: (name) => name !== 'mke2fs' });
    expect(findings).toContainEqual({
      level: 'problem',
      what: 'mke2fs is not installed',
      todo: 'apt-get install e2fsprogs',
    });
  });

  test('works on this host as it is', () => {
    expect(probeHost('/nowhere/at/all').length).toBeGreaterThan(0);
  });
});
