import { describe, expect, test } from 'vitest';
import { driverOptions } from '../../src/cli/driver-options.ts';
import { parseSecrets } from '../../src/cli/secret-option.ts';

describe('--secret', () => {
  const read = (text: string) => parseSecrets([text], '/work');

  test.each([
    ['id=guest,src=guest.txt', { type: 'file', path: '/work/guest.txt' }],
    ['id=guest,source=/etc/guest', { type: 'file', path: '/etc/guest' }],
    ['type=file,id=guest,src=a', { type: 'file', path: '/work/a' }],
    ['id=guest,env=GUEST', { type: 'env', variable: 'GUEST' }],
    ['id=guest,type=env,env=GUEST', { type: 'env', variable: 'GUEST' }],
    ['id=guest,type=env,src=GUEST', { type: 'env', variable: 'GUEST' }],
    ['id=guest', { type: 'env', variable: 'guest' }],
    ['id=guest,"src=a,b=c.txt"', { type: 'file', path: '/work/a,b=c.txt' }],
  ])('%s is understood', (text, source) => {
    expect(read(text)).toEqual({ guest: source });
  });

  test('of several with one id the last one counts', () => {
    expect(parseSecrets(['id=a,env=X', 'id=b,env=Y', 'id=a,env=Z'], '/')).toEqual({
      a: { type: 'env', variable: 'Z' },
      b: { type: 'env', variable: 'Y' },
    });
  });

  test.each([
    ['hunter2', 'every field of it is NAME=VALUE', 'Write --secret id=guest,src=FILE'],
    ['src=a', 'it has no id', ''],
    ['id=,src=a', 'it has no id', ''],
    ['id=guest,value=hunter2', 'its fields are id, src, source, env, type', ''],
    ['id=guest,scr=hunter2', 'its fields are', 'Did you mean src?'],
    ['id=guest,src=a,env=B', 'it has both a file (src) and a variable (env)', ''],
    ['id=guest,type=fil,src=a', 'its type is file or env', 'Did you mean file?'],
    ['id=guest,type=file', 'no file is named', ''],
    ['id=guest,"src=a', 'a quote is not closed', ''],
  ])('%s is refused, and its values are not repeated', (text, problem, hint) => {
    let error: unknown;
    try {
      read(text);
    } catch (reason) {
      error = reason;
    }
    expect(error).toMatchObject({
      code: 'SECRET_OPTION',
      exitStatus: 2,
      message: expect.stringContaining(problem) as string,
      hint: expect.stringContaining(hint) as string,
    });
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  });
});

describe('--driver-opt', () => {
  test('takes pairs separated by commas, several times, and more than the environment has', () => {
    const env = { HYPERFILE_DRIVER_OPTS: 'memory=4G,seal=checkpoint' };
    expect(driverOptions(['memory=8G, cpus=2', '"switch=Lab, A"'], env)).toEqual({
      driverOptions: { memory: '8G', seal: 'checkpoint', cpus: '2', switch: 'Lab, A' },
    });
    expect(driverOptions(undefined, {})).toEqual({});
  });

  test.each(['memory', '=4G', '', '"a=b'])('%j is no pair', (text) => {
    expect(() => driverOptions([text], {})).toThrow(
      expect.objectContaining({
        code: 'CLI_BAD_VALUE',
        message: expect.stringContaining('--driver-opt, which takes KEY=VALUE') as string,
      }),
    );
  });
});
