/** Recipes whose base is a Windows guest: paths, variables, shells and scripts as that system has them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveDestination, resolveInGuest } from '../../src/plan/guest-path.ts';
import { lastStep, stepsOf } from './planning.ts';

const HEAD = '# escape=`\nFROM scratch\n';
const windows = { os: 'windows' } as const;
const config = (text: string) => stepsOf(HEAD + text, windows).at(-1)!.config;

describe('paths of a Windows guest', () => {
  test.each([
    ['C:\\', 'C:\\'],
    ['c:/inetpub/wwwroot/', 'C:\\inetpub\\wwwroot'],
    ['\\srv\\.\\www', 'C:\\srv\\www'],
    ['/srv', 'C:\\srv'],
    ['site', 'C:\\app\\site'],
    ['..\\..\\..\\x', 'C:\\x'],
    ['C:site', 'C:\\app\\site'],
    ['d:\\data', 'D:\\data'],
    ['D:data', 'D:\\data'],
    ['C:\\日本 語\\a', 'C:\\日本 語\\a'],
  ])('WORKDIR %s in C:\\app is %s', (text, expected) => {
    expect(lastStep(`${HEAD}WORKDIR C:\\app\nWORKDIR ${text}\n`, 'workdir', windows).path).toBe(expected);
  });

  test('what has no drive is on that of the folder', () => {
    expect(resolveInGuest('windows', 'D:\\work', '\\x')).toBe('D:\\x');
    expect(resolveInGuest('windows', 'D:\\work', 'c:x')).toBe('C:\\x');
  });

  test.each([
    ['site C:\\inetpub\\wwwroot\\', 'C:\\inetpub\\wwwroot\\'],
    ['site C:/inetpub/wwwroot/', 'C:\\inetpub\\wwwroot\\'],
    ['page.html C:\\inetpub\\index.html', 'C:\\inetpub\\index.html'],
    ['site .', 'C:\\app\\'],
    ['site .\\', 'C:\\app\\'],
    ['site x\\..', 'C:\\app\\'],
    ['site \\', 'C:\\'],
    ['site C:', 'C:\\app\\'],
    ['page.html x.', 'C:\\app\\x.'],
  ])('COPY %s in C:\\app goes to %s', (words, destination) => {
    expect(lastStep(`${HEAD}WORKDIR C:\\app\nCOPY ${words}\n`, 'copy', windows).destination).toBe(
      destination,
    );
  });

  test.each(['\\\\server\\share\\x', '//server/share', '\\\\?\\C:\\x', '\\\\.\\PhysicalDrive0'])(
    '%s is not on a drive, and refused with its place',
    (path) => {
      const text = `${HEAD}COPY a ${path}\n`;
      expect(() => stepsOf(text, windows)).toThrow(
        expect.objectContaining({
          code: 'PLAN_WINDOWS_PATH',
          exitStatus: 3,
          at: expect.objectContaining({ line: 3 }) as object,
        }),
      );
    },
  );

  test('any path becomes absolute in the one form, and stays what it is from then on', () => {
    const part = fc.constantFrom('a', 'B c', '..', '.', '日本', '', 'x.y');
    const separator = fc.constantFrom('\\', '/');
    const start = fc.constantFrom('', 'C:', 'd:', 'C:\\', 'z:/', '\\', '/');
    const anyPath = fc
      .tuple(start, fc.array(fc.tuple(part, separator), { maxLength: 5 }))
      .map(([head, parts]) => head + parts.flat().join(''))
      .filter((text) => !/^[\\/]{2}/.test(text));
    fc.assert(
      fc.property(anyPath, anyPath, (folder, text) => {
        const from = resolveInGuest('windows', 'C:\\', folder);
        const path = resolveInGuest('windows', from, text);
        expect(path).toMatch(/^[A-Z]:\\(?:[^\\/:]+(?:\\[^\\/:]+)*)?$/);
        expect(path).not.toMatch(/\\\.{1,2}(?:\\|$)/);
        expect(resolveInGuest('windows', from, path)).toBe(path);
        expect(resolveDestination('windows', from, text).replace(/(?<!:)\\$/, '')).toBe(path);
      }),
    );
  });

  test('sources of the context keep their slashes, those of a guest are seen from its root', () => {
    expect(lastStep(`${HEAD}COPY site/a b\\c C:\\x\\\n`, 'copy', windows).paths).toEqual(['site/a', 'b\\c']);
    const text =
      '# escape=`\nFROM scratch AS tools\nFROM scratch\nCOPY --from=tools C:\\out\\a /out/b c D:\\x\\\n';
    expect(lastStep(text, 'copy', windows).paths).toEqual(['/out/a', '/out/b', 'c']);
  });

  test('volumes are absolute', () => {
    expect(config('WORKDIR \\app\nVOLUME data D:/logs\n').volumes).toEqual(['C:\\app\\data', 'D:\\logs']);
  });
});

describe('variables of a Windows guest', () => {
  test('names do not differ in case, and the last way of writing one stays', () => {
    expect(config('ENV Path=C:\\a\nENV Other=1\nENV PATH=$path;C:\\b\n').env).toEqual({
      PATH: 'C:\\a;C:\\b',
      Other: '1',
    });
  });

  test('an ENV beats an ARG of the same name in any case, and --build-arg finds its ARG', () => {
    const step = lastStep(`${HEAD}ARG Version=1\nARG mode=x\nENV MODE=y\nRUN build\n`, 'run', {
      ...windows,
      buildArgs: { VERSION: '2' },
    });
    expect(step.env).toEqual({ Version: '2', MODE: 'y' });
  });

  test('the platform that is built for is Windows, unless --build-arg says another', () => {
    const text = `${HEAD}ARG TARGETOS\nARG TARGETPLATFORM\nRUN build\n`;
    const { env } = lastStep(text, 'run', windows);
    expect(env.TARGETOS).toBe('windows');
    expect(env.TARGETPLATFORM).toMatch(/^windows\//);
    expect(lastStep(text, 'run', { ...windows, buildArgs: { TARGETOS: 'x' } }).env.TARGETOS).toBe('x');
    expect(lastStep(text, 'run').env.TARGETOS).toBe('linux');
  });

  test('on Linux they do', () => {
    expect(stepsOf('FROM scratch\nENV Path=a\nENV PATH=b$path\n').at(-1)!.config.env).toEqual({
      Path: 'a',
      PATH: 'b',
    });
  });
});

describe('commands of a Windows guest', () => {
  test('run in cmd from C:\\, unless the recipe says otherwise', () => {
    expect(lastStep(`${HEAD}RUN dir && ver\n`, 'run', windows)).toMatchObject({
      argv: ['cmd', '/S', '/C', 'dir && ver'],
      workdir: 'C:\\',
    });
    const shell = 'SHELL ["powershell", "-Command"]\nRUN Get-Date\n';
    expect(lastStep(HEAD + shell, 'run', windows).argv).toEqual(['powershell', '-Command', 'Get-Date']);
  });

  test('a heredoc is a script for PowerShell, and refused for cmd, which would run its first line only', () => {
    const script = 'RUN <<EOF\nGet-Date\nGet-Host\nEOF\n';
    const shell = 'SHELL ["powershell", "-Command"]\n';
    expect(lastStep(HEAD + shell + script, 'run', windows).argv.at(-1)).toBe('Get-Date\nGet-Host\n');
    expect(() => stepsOf(HEAD + script, windows)).toThrow(
      expect.objectContaining({
        code: 'PLAN_WINDOWS_SCRIPT',
        at: expect.objectContaining({ line: 3 }) as object,
      }),
    );
    expect(lastStep(`${HEAD}RUN <<EOF\ndir\nEOF\n`, 'run', windows).argv.at(-1)).toBe('dir\n');
  });

  test('a script that names its interpreter is refused', () => {
    expect(() => stepsOf(`${HEAD}RUN <<EOF\n#!python\nprint(1)\nEOF\n`, windows)).toThrow(
      expect.objectContaining({ code: 'PLAN_WINDOWS_SCRIPT' }),
    );
  });

  test('CMD and ENTRYPOINT lines are for cmd too', () => {
    expect(config('CMD ping localhost\n').cmd).toEqual(['cmd', '/S', '/C', 'ping localhost']);
  });
});
