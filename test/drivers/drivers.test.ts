import { afterEach, describe, expect, test, vi } from 'vitest';
import { chooseDriver, checkDriverOptions } from '../../src/drivers/drivers.ts';

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

  test('is that of Hyper-V on Windows, asked for or not', async () => {
    expect((await chooseDriver(undefined, options, 'win32')).name).toBe('hyperv');
    expect((await chooseDriver('hyperv', options, 'win32')).name).toBe('hyperv');
  });

  test('is missing on macOS, and where it is named on another system than its own, which is said', async () => {
    vi.stubEnv('NODE_POWERSHELL', '');
    const refused = [
      [undefined, 'darwin', 'it runs macOS'],
      ['namespace', 'darwin', '"namespace" does not run on macOS'],
      ['namespace', 'win32', '"namespace" does not run on Windows'],
      ['hyperv', 'linux', '"hyperv" does not run on linux'],
    ] as const;
    for (const [name, platform, reason] of refused) {
      const wanted = chooseDriver(name, options, platform);
      await expect(wanted).rejects.toMatchObject({ code: 'DRIVER_UNAVAILABLE', exitStatus: 5 });
      await expect(wanted).rejects.toThrow(reason);
    }
  });

  test('is the one that HYPERFILE_DRIVER names, unless the command names another', async () => {
    vi.stubEnv('HYPERFILE_DRIVER', 'hyperv');
    expect((await chooseDriver(undefined, options, 'win32')).name).toBe('hyperv');
    expect((await chooseDriver('namespace', options, 'linux')).name).toBe('namespace');
    await expect(chooseDriver(undefined, options, 'linux')).rejects.toMatchObject({
      code: 'DRIVER_UNAVAILABLE',
    });
  });

  test('can be that of Hyper-V wherever a PowerShell is named that reaches one', async () => {
    vi.stubEnv('NODE_POWERSHELL', 'pwsh');
    expect((await chooseDriver('hyperv', options, 'linux')).name).toBe('hyperv');
    await expect(chooseDriver('namespace', options, 'darwin')).rejects.toMatchObject({
      code: 'DRIVER_UNAVAILABLE',
    });
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

describe('what a driver is given', () => {
  test.each([
    ['namespace', { runtime: 'cron' }],
    ['namespace', { seal: 'shutdown' }],
    ['hyperv', { runtime: 'crun' }],
    ['hyperv', { 'boot-timeout': 'soon' }],
  ] as const)('is looked at before it opens, on any host: %s %j', async (name, given) => {
    for (const platform of ['linux', 'win32', 'darwin'] as const)
      await expect(checkDriverOptions(name, given, platform)).rejects.toMatchObject({
        code: 'DRIVER_OPTION',
      });
  });
  test('is looked at by the host’s driver where none is named, and by none where there is none', async () => {
    await checkDriverOptions(undefined, { runtime: 'crun' }, 'linux');
    await checkDriverOptions(undefined, { seal: 'checkpoint' }, 'win32');
    await checkDriverOptions(undefined, { seal: 'checkpoint' }, 'darwin');
    await expect(checkDriverOptions(undefined, { seal: 'x' }, 'win32')).rejects.toMatchObject({
      code: 'DRIVER_OPTION',
    });
    vi.stubEnv('HYPERFILE_DRIVER', 'hyperv');
    await checkDriverOptions(undefined, { seal: 'checkpoint' }, 'linux');
    await expect(checkDriverOptions('hyprv', {}, 'linux')).rejects.toMatchObject({ code: 'DRIVER_UNKNOWN' });
  });
});
