import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { hostSystem, isOnWindows, pathsOf } from '../../src/base/host-platform.ts';
import { poseAs } from '../support/pose-as.ts';

test('a test can pose as another host', () => {
  const own = hostSystem();
  poseAs('win32');
  expect(isOnWindows()).toBe(true);
  poseAs(own);
  expect(hostSystem()).toBe(own);
});

test('paths are written as the platform does', () => {
  expect(pathsOf('win32').join('C:\\a', 'b')).toBe('C:\\a\\b');
  expect(pathsOf('darwin').join('/a', 'b')).toBe('/a/b');
});

/** They only show it. Drivers are for one system each, and take it as the default of an argument. */
const ASKING = /^(base\/host-platform|cli\/examine-host|cli\/verbs\/version|drivers\/.*)\.ts$/;

test('no other module asks which system this is', () => {
  const source = path.resolve(import.meta.dirname, '../../src');
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const asking = files.filter((file) =>
    readFileSync(path.join(source, file), 'utf8').includes('process.platform'),
  );
  const unexpected = asking.map((file) => file.replaceAll('\\', '/')).filter((file) => !ASKING.test(file));
  expect(unexpected).toEqual([]);
});
