import { afterEach, describe, expect, test, vi } from 'vitest';
import { chooseDriver } from '../../src/drivers/drivers.ts';

const options = { stateFolder: '/nowhere' };

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the driver of a build', () => {
  test('is the namespace driver on Linux, asked for or not', async () => {
    expect((await chooseDriver(undefined, options, 'linux')).name).toBe('namespace');
    expect((await chooseDriver('namespace', options, 'linux')).name).toBe('namespace');
  });

  test('that nobody knows is an error with the nearest name', async () => {
    const wanted = chooseDriver('namespce', options, 'linux');
    await expect(wanted).rejects.toMatchObject({ code: 'DRIVER_UNKNOWN', exitStatus: 2 });
    await expect(wanted).rejects.toThrow('there is no driver "namespce", did you mean "namespace"?');
    await expect(chooseDriver('toString', options, 'linux')).rejects.toMatchObject({
      code: 'DRIVER_UNKNOWN',
    });
  });

  test('is missing on Windows and macOS, which is said', async () => {
    for (const platform of ['win32', 'darwin'] as const) {
      for (const name of [undefined, 'namespace']) {
        await expect(chooseDriver(name, options, platform)).rejects.toMatchObject({
          code: 'DRIVER_UNAVAILABLE',
          exitStatus: 5,
        });
      }
    }
  });

  test('does not take options that it does not know, nor a runtime that nobody knows', async () => {
    const choose = (given: Record<string, string>) =>
      chooseDriver(undefined, { ...options, options: given }, 'linux');
    await expect(choose({ runtime: 'crn' })).rejects.toMatchObject({
      code: 'DRIVER_OPTION',
      exitStatus: 2,
      message:
        'the driver namespace cannot be set up: runtime cannot be "crn": it takes builtin, crun or runc',
      hint: 'Did you mean crun?',
    });
    await expect(choose({ runtim: 'crun' })).rejects.toMatchObject({ hint: 'Did you mean runtime?' });
    await (await choose({ runtime: 'crun' })).close();
  });

  test('does not take a runtime of the environment that nobody knows', async () => {
    vi.stubEnv('HYPERFILE_RUNTIME', 'crn');
    const wanted = chooseDriver(undefined, options, 'linux');
    await expect(wanted).rejects.toMatchObject({ code: 'DRIVER_RUNTIME_UNKNOWN' });
    await expect(wanted).rejects.toThrow('did you mean "crun"?');
  });

  test('that is closed before it was used has done nothing', async () => {
    await (await chooseDriver(undefined, options, 'linux')).close();
  });
});
