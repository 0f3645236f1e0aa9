/** Builds whose guests are Windows, on a driver of the test's own: what the build asks of a driver, and what it keeps. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BuildOptions } from '../../src/build/options.ts';
import { outputOf, Yard } from './building.ts';
import { WindowsDriver, writeGuestDisk, type WindowsDriverOptions } from './windows-driver.ts';

const MIB = 1024 ** 2;

describe('a build of a Windows guest', () => {
  const yard = new Yard();

  beforeAll(() => {
    mkdirSync(yard.context, { recursive: true });
    writeGuestDisk(path.join(yard.context, 'golden.vhdx'));
    yard.write({ 'site/index.html': 'hello' });
  });
  afterAll(() => {
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  async function build(lines: string, options: WindowsDriverOptions & Partial<BuildOptions> = {}) {
    const driver = new WindowsDriver(options);
    const recipe = `# escape=\`\nFROM ./golden.vhdx\n${lines}`;
    const built = await yard.build(recipe, options, undefined, driver.choose);
    const { config } = await (await yard.store()).image(built.image.id);
    return { ...built, driver, config };
  }

  test('has the defaults of Windows, and the image says what it is', async () => {
    const { config, driver } = await build(
      'WORKDIR inetpub/wwwroot\nCOPY site/ .\nENV Path=C:\\x PATH=C:\\y\nRUN dir\n',
    );
    expect(config.os).toBe('windows');
    expect(config.disk.rootType).toBe('ntfs');
    expect(config.config).toMatchObject({
      workdir: 'C:\\inetpub\\wwwroot',
      shell: ['cmd', '/S', '/C'],
      env: { PATH: 'C:\\y' },
    });
    expect(driver.calls).toEqual([
      'open',
      'makeDirectory C:\\inetpub\\wwwroot',
      'seal',
      'copy site/ to C:\\inetpub\\wwwroot\\',
      'seal',
      'run dir',
      'seal',
      'close',
    ]);
    expect(driver.commands).toEqual([
      {
        argv: ['cmd', '/S', '/C', 'dir'],
        env: { PATH: 'C:\\y' },
        workdir: 'C:\\inetpub\\wwwroot',
        user: '',
        network: 'host',
      },
    ]);
  });

  test('an image of it is a base for Windows guests', async () => {
    await build('RUN base\n', { tags: ['win'] });
    const driver = new WindowsDriver();
    const { image } = await yard.build('FROM win\nWORKDIR /app\n', {}, undefined, driver.choose);
    const { config } = await (await yard.store()).image(image.id);
    expect(config.os).toBe('windows');
    expect(driver.calls).toContain('makeDirectory C:\\app');
  });

  test('a disk with another root file system is Linux', async () => {
    yard.write({ 'linux/': '' });
    const driver = new WindowsDriver({ rootType: 'ext4' });
    const disk = path.join(yard.context, 'linux/disk.vhdx');
    writeGuestDisk(disk);
    const recipe = 'FROM ./linux/disk.vhdx\nWORKDIR app\n';
    const { image } = await yard.build(recipe, {}, undefined, driver.choose);
    expect((await (await yard.store()).image(image.id)).config).toMatchObject({
      os: 'linux',
      config: { workdir: '/app', shell: ['/bin/sh', '-c'] },
    });
  });

  test('a row of steps without layers runs in one sandbox, each with the machine of its place', async () => {
    const { driver, steps } = await build(
      'MACHINE memory=4G\nRUN --layer=false one\nREBOOT\nMACHINE cpus=4\nRUN two\nREBOOT\n',
    );
    expect(driver.calls).toEqual([
      'open',
      'run one',
      'restart',
      'run two',
      'seal',
      'restart',
      'seal',
      'close',
    ]);
    expect(steps.slice(1)).toEqual([
      'RUN --layer=false one done',
      'REBOOT done',
      'RUN two done',
      'REBOOT done',
    ]);
    const small = { memoryBytes: 4096 * MIB };
    const large = { ...small, processors: 4 };
    expect(driver.commands.map(({ machine }) => machine)).toEqual([small, large]);
    expect(driver.restarts.map(({ machine }) => machine)).toEqual([small, large]);
  });

  test('other machines take every step from the cache', async () => {
    const recipe = (memory: string) => `MACHINE memory=${memory}\nRUN cached\n`;
    await build(recipe('2G'));
    const { cachedSteps, totalSteps, driver, config } = await build(recipe('16G'));
    expect(cachedSteps).toBe(totalSteps);
    expect(driver.calls).toEqual([]);
    expect(config.config.machine).toEqual({ memoryBytes: 16 * 1024 * MIB });
  });

  test.each([3010, 1641])(
    'a command that ends with %d succeeded, and the guest is restarted',
    async (status) => {
      const { driver, events } = await build(`MACHINE tpm=on\nRUN setup ${status}\nRUN next ${status}\n`, {
        statusOf: (line) => (line.startsWith('setup') ? status : 0),
      });
      const next = `run next ${status}`;
      expect(driver.calls).toEqual(['open', `run setup ${status}`, 'restart', 'seal', next, 'seal', 'close']);
      expect(driver.restarts[0]?.machine).toEqual({ tpm: true });
      expect(outputOf(events)).toContain(
        `exit status ${status}: the command succeeded and asks for a restart\n`,
      );
    },
  );

  test('any other status is a failure, and so is 3010 on Linux', async () => {
    await expect(build('RUN broken\n', { statusOf: () => 3011 })).rejects.toMatchObject({
      code: 'BUILD_STEP_FAILED',
      data: { status: 3011 },
    });
    const driver = new WindowsDriver({ rootType: 'ext4', statusOf: () => 3010 });
    yard.write({ 'other/': '' });
    writeGuestDisk(path.join(yard.context, 'other/disk.vhdx'));
    const failing = yard.build('FROM ./other/disk.vhdx\nRUN x\n', {}, undefined, driver.choose);
    await expect(failing).rejects.toMatchObject({ code: 'BUILD_STEP_FAILED', data: { status: 3010 } });
    expect(driver.calls).not.toContain('restart');
  });

  test('the driver gets its options, and the guest secret when it asks', async () => {
    const file = path.join(yard.folder, 'guest.txt');
    writeFileSync(file, '\uFEFFAdministrator\r\nP@ss wörd-7f3a \r\n');
    const { driver, events } = await build('RUN secretive\n', {
      asksForAccess: true,
      driverOptions: { seal: 'checkpoint' },
      secrets: { guest: { type: 'file', path: file } },
    });
    expect(driver.given?.options).toEqual({ seal: 'checkpoint' });
    expect(await driver.given?.guestAccess?.()).toEqual({
      userName: 'Administrator',
      password: 'P@ss wörd-7f3a ',
    });
    expect(JSON.stringify(events)).not.toContain('7f3a');
    for (const kept of readdirSync(yard.home, { recursive: true, withFileTypes: true })) {
      if (kept.isFile())
        expect(readFileSync(path.join(kept.parentPath, kept.name), 'latin1')).not.toContain('7f3a');
    }
  });

  test('the user of a command is in its key, and has a secret of its own, which is not', async () => {
    const file = (name: string, text: string): { type: 'file'; path: string } => {
      const place = path.join(yard.folder, name);
      writeFileSync(place, text);
      return { type: 'file', path: place };
    };
    const guest = file('guest.txt', 'Administrator\npassword');
    const bob = file('bob.txt', '.\\Bob\r\nb0b-7f3a\r\n');
    const lines = 'RUN first\nUSER bob\nRUN second\nUSER BOB\nRUN third\n';
    const options = { asksForAccess: true, secrets: { guest, 'guest.BOB': bob } };
    const { driver, events, config } = await build(lines, options);
    expect(driver.commands.map(({ user }) => user)).toEqual(['', 'bob', 'BOB']);
    expect(config.config.user).toBe('BOB');
    expect(await driver.given?.guestAccess?.('WORK\\bob')).toEqual({
      userName: '.\\Bob',
      password: 'b0b-7f3a',
    });
    expect(JSON.stringify(events)).not.toContain('7f3a');
    for (const kept of readdirSync(yard.home, { recursive: true, withFileTypes: true })) {
      if (kept.isFile())
        expect(readFileSync(path.join(kept.parentPath, kept.name), 'latin1')).not.toContain('7f3a');
    }
    // Another password, or none: the same steps.
    const again = await build(lines, { secrets: { guest: file('other.txt', 'Administrator\nother') } });
    expect(again.driver.calls).toEqual([]);
    const other = await build(lines.replace('USER bob', 'USER alice'));
    expect(other.driver.commands.map(({ user }) => user)).toEqual(['alice', 'BOB']);
  });

  test('without the secret of a user says which to give, and where it was asked for', async () => {
    const secrets = {
      guest: { type: 'env', variable: 'PATH' },
      'guest.bpb': { type: 'env', variable: 'X' },
    } as const;
    const missing = build('USER .\\bob\nRUN none\n', { asksForAccess: true, secrets });
    await expect(missing).rejects.toMatchObject({
      code: 'HYPERV_GUEST_USER',
      exitStatus: 2,
      message: 'a command is to run as .\\bob, and there is no secret guest.bob',
      hint: 'A secret with the id guest.bpb was given: did you mean id=guest.bob?',
      at: expect.objectContaining({ line: 4 }) as object,
    });
    const only = { guest: secrets.guest };
    const alone = build('USER bob\nRUN none\n', { asksForAccess: true, secrets: only });
    await expect(alone).rejects.toMatchObject({
      hint: expect.stringContaining('--secret id=guest.bob,src=FILE') as string,
    });
    const empty = { ...only, 'guest.bob': { type: 'env', variable: 'HYPERFILE_TEST_BOB' } } as const;
    process.env.HYPERFILE_TEST_BOB = 'bob\n';
    try {
      const cut = build('USER bob\nRUN none\n', { asksForAccess: true, secrets: empty });
      await expect(cut).rejects.toMatchObject({
        code: 'SECRET_NO_PASSWORD',
        message: 'the secret guest.bob holds a user and nothing that lets it in',
      });
    } finally {
      delete process.env.HYPERFILE_TEST_BOB;
    }
  });

  test('steps with a layer and those without travel in a cache elsewhere', async () => {
    const cache = path.join(yard.folder, 'cache');
    const lines = 'RUN --layer=false far\nREBOOT\nRUN away\nMACHINE memory=4G\nREBOOT\n';
    const first = await build(lines, { cacheTo: [`type=local,dest=${cache},mode=max`] });
    const other = new Yard();
    try {
      const driver = new WindowsDriver();
      const options = { contextPath: yard.context, cacheFrom: [`type=local,src=${cache}`] };
      const recipe = `# escape=\`\nFROM ./golden.vhdx\n${lines}`;
      const second = await other.build(recipe, options, undefined, driver.choose);
      expect(second.steps.every((step) => step.endsWith(' cached'))).toBe(true);
      expect(driver.calls).toEqual([]);
      expect(second.image.id).toBe(first.image.id);
    } finally {
      other.remove();
    }
  });

  test('takes build arguments in any case, and warns of those that nothing takes', async () => {
    const warnings = ({ events }: { events: readonly { type: string }[] }) =>
      events.filter(({ type }) => type === 'warning');
    const lines = 'ARG Version=0\nRUN echo %VERSION%\n';
    const given = await build(lines, { buildArgs: { VERSION: '2' } });
    expect(given.driver.commands[0].env).toEqual({ Version: '2' });
    expect(warnings(given)).toEqual([]);
    const other = await build(lines, { buildArgs: { VERSIN: '2' } });
    expect(warnings(other)).toEqual([
      {
        type: 'warning',
        message: 'no ARG of the recipe takes the build argument VERSIN',
        hint: 'did you mean Version?',
      },
    ]);
    // In a Linux guest names differ in case, and the ARG stays what it is.
    const driver = new WindowsDriver({ rootType: 'ext4' });
    yard.write({ 'third/': '' });
    writeGuestDisk(path.join(yard.context, 'third/disk.vhdx'));
    const recipe = `FROM ./third/disk.vhdx\n${lines}`;
    const linux = await yard.build(recipe, { buildArgs: { VERSION: '2' } }, undefined, driver.choose);
    expect(driver.commands[0].env).toEqual({ Version: '0' });
    expect(warnings(linux)).toEqual([
      {
        type: 'warning',
        message: 'no ARG of the recipe takes the build argument VERSION',
        hint: 'did you mean Version?',
      },
    ]);
  });

  test('without that secret says how to give it, and where it was asked for', async () => {
    const asking = { asksForAccess: true };
    await expect(build('RUN nobody\n', asking)).rejects.toMatchObject({
      code: 'HYPERV_NO_CREDENTIALS',
      exitStatus: 2,
      hint: expect.stringContaining('--secret id=guest,src=FILE') as string,
      at: expect.objectContaining({ line: 3 }) as object,
    });
    const secrets = { gest: { type: 'env', variable: 'X' } } as const;
    await expect(build('RUN nobody\n', { ...asking, secrets })).rejects.toMatchObject({
      code: 'HYPERV_NO_CREDENTIALS',
      hint: 'A secret with the id gest was given: did you mean id=guest?',
    });
    const missing = { guest: { type: 'file', path: path.join(yard.folder, 'none') } } as const;
    await expect(build('RUN nobody\n', { ...asking, secrets: missing })).rejects.toMatchObject({
      code: 'SECRET_NOT_FOUND',
    });
  });
});
