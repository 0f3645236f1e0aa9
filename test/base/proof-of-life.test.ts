import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isProvenAlive, proofFolder, proveLife } from '../../src/base/proof-of-life.ts';

test('proofs lie where all users of the host find them', () => {
  expect(proofFolder({ ProgramData: 'D:\\Data' })).toBe('D:\\Data\\Hyperfile\\alive');
  expect(proofFolder({})).toBe('C:\\ProgramData\\Hyperfile\\alive');
});

test('a proof that is not there, or that nobody holds, is none', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-proof-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(isProvenAlive('1-1', folder)).toBe(false);
  writeFileSync(path.join(folder, '1-1'), '');
  expect(isProvenAlive('1-1', folder)).toBe(false);
  expect(readdirSync(folder)).toEqual(['1-1']);
});

test('where proofs can be neither kept nor seen, nothing is said', () => {
  expect(proveLife('1-1', path.join(import.meta.filename, 'alive'))).toBe(false);
  expect(proveLife('1-1', 'C:\\not\\of\\this\\host')).toBe(false);
  expect(isProvenAlive('1-1', 'C:\\not\\of\\this\\host')).toBeUndefined();
});
