import { expect, test } from 'vitest';
import { findWindowsProgram } from '../../src/base/find-program.ts';

const FILES = [
  'C:\\docker\\docker-credential-desktop.exe',
  'C:\\shims\\docker-credential-pass.cmd',
  'C:\\shims\\docker-credential-desktop.cmd',
  'C:\\Program Files\\qemu\\qemu-img.exe',
  'C:\\tools\\list.sh',
];

function find(tool: string, env: NodeJS.ProcessEnv): string | undefined {
  return findWindowsProgram(tool, env, (file) => FILES.includes(file));
}

const PATHS = 'C:\\docker;C:\\shims;"C:\\Program Files\\qemu";C:\\tools';

test('a program is found by PATH and PATHEXT, in their order, whatever the case of their names', () => {
  const env = { Path: PATHS, PathExt: '.COM;.EXE;.CMD' };
  expect(find('docker-credential-desktop', env)).toBe('C:\\docker\\docker-credential-desktop.exe');
  expect(find('docker-credential-pass', env)).toBe('C:\\shims\\docker-credential-pass.cmd');
  expect(find('qemu-img', { PATH: PATHS })).toBe('C:\\Program Files\\qemu\\qemu-img.exe');
  expect(find('list.sh', env)).toBe('C:\\tools\\list.sh');
  expect(find('docker-credential-desktop', { ...env, Path: `C:\\shims;${PATHS}` })).toBe(
    'C:\\shims\\docker-credential-desktop.cmd',
  );
});

test('a program of the current folder, or of one that is named from there, is none', () => {
  expect(find('docker-credential-desktop', { PATH: '' })).toBeUndefined();
  expect(find('docker-credential-desktop', {})).toBeUndefined();
  expect(findWindowsProgram('evil', { PATH: '.;;bin;C:\\docker' }, (file) => !file.startsWith('C:'))).toBe(
    undefined,
  );
});

test('a path stays as it is', () => {
  expect(find('C:\\Windows\\System32\\taskkill.exe', {})).toBe('C:\\Windows\\System32\\taskkill.exe');
  expect(find('tools/list', {})).toBe('tools/list');
});
