import { expect, test } from 'vitest';
import { missingTool } from '../../src/base/missing-tool.ts';

test('what is missing is to be installed as the host does it', () => {
  expect(missingTool('qemu-img', undefined, 'linux').hint).toContain('apt-get install qemu-utils');
  expect(missingTool('qemu-img', undefined, 'win32').hint).toContain('winget install');
  expect(missingTool('qemu-img', undefined, 'darwin').hint).toContain('brew install qemu');
  expect(missingTool('docker-credential-x', undefined, 'win32').hint).toContain('Install the package');
});
