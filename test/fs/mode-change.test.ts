import { execFileSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseModeChange } from '../../src/fs/mode-change.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

describe('--chmod', () => {
  it.each([
    'u+x',
    'go-w',
    'a=rX',
    'u=rwx,g=rx,o=',
    '+x',
    'g=u',
    'o+g,u-x',
    'u+s,g+s',
    '+t',
    'ug+rw,o-rwx',
    'a-x+X',
    'u=g+w',
  ])('%s does what chmod(1) does', (text) => {
    const root = plant(scratchFolder(), { file: '', 'dir/': '' });
    for (const name of ['file', 'dir']) {
      for (const mode of [0o644, 0o755, 0o600, 0o711, 0o070]) {
        chmodSync(`${root}/${name}`, mode);
        execFileSync('sh', ['-c', 'umask 0; chmod "$0" "$1"', text, `${root}/${name}`]);
        const expected = statSync(`${root}/${name}`).mode & 0o7777;
        expect(parseModeChange(text)(mode, name === 'dir'), `${mode.toString(8)} of a ${name}`).toBe(
          expected,
        );
      }
    }
  });

  it('in octal is the mode itself', () => {
    expect(parseModeChange('4755')(0o600, false)).toBe(0o4755);
    expect(parseModeChange('0')(0o600, true)).toBe(0);
  });

  it.each(['', '888', '10000', 'u+q', 'rwx', 'u', '+x,', '0x1f'])('%j is refused', async (text) => {
    expect(await codeOf(() => parseModeChange(text))).toBe('FS_MODE_INVALID');
  });
});
