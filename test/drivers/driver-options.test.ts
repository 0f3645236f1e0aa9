import { describe, expect, test } from 'vitest';
import {
  choiceOf,
  countSetting,
  durationSetting,
  readDriverOptions,
  sizeSetting,
  textSetting,
} from '../../src/drivers/driver-options.ts';

const TABLE = {
  seal: choiceOf('shutdown', 'checkpoint'),
  memory: sizeSetting,
  cpus: countSetting,
  'boot-timeout': durationSetting,
  switch: textSetting('the name of a switch'),
};
const read = (given?: Record<string, string>) => readDriverOptions('test', TABLE, given);

describe('the options of a driver', () => {
  test('are read by key, and absent where nothing is given', () => {
    expect(read()).toEqual({});
    const given = { seal: 'checkpoint', memory: '2GiB', cpus: '4', 'boot-timeout': '90s', switch: 'Lab A' };
    expect(read(given)).toEqual({
      seal: 'checkpoint',
      memory: 2 * 1024 ** 3,
      cpus: 4,
      'boot-timeout': 90_000,
      switch: 'Lab A',
    });
  });

  test.each([
    [{ boot: '1m' }, 'it has no option "boot"', 'hyperfile build --help'],
    [{ 'boot-timout': '1m' }, 'it has no option "boot-timout"', 'Did you mean boot-timeout?'],
    [{ toString: 'x' }, 'it has no option "toString"', ''],
    [
      { seal: 'checkpont' },
      'seal cannot be "checkpont": it takes shutdown or checkpoint',
      'Did you mean checkpoint?',
    ],
    [{ memory: '2' + 'Q' }, 'memory cannot be "2Q": it takes a size', ''],
    [{ cpus: '0' }, 'cpus cannot be "0": it takes a number from 1', ''],
    [{ 'boot-timeout': '0' }, 'boot-timeout cannot be "0": it takes a length of time', ''],
    [{ switch: '' }, 'switch cannot be "": it takes the name of a switch', ''],
  ])('%j is an error that says what was expected', (given, problem, hint) => {
    expect(() => read(given as Record<string, string>)).toThrow(
      expect.objectContaining({
        code: 'DRIVER_OPTION',
        exitStatus: 2,
        message: expect.stringContaining(`the driver test cannot be set up: ${problem}`) as string,
        hint: expect.stringContaining(hint) as string,
      }),
    );
  });
});
