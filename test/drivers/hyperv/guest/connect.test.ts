/** Waiting for guests: what each way of not answering is called, and that whoever answers is reached. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { GuestAccess } from '../../../../src/drivers/hyperv/guest/guest.ts';
import { describeWith } from '../../../support/needs.ts';
import { STANDIN_NEEDS } from '../../../support/powershell/standin/standin.ts';
import { PASSWORD, SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../../support/ssh-server.ts';
import { cmd, startBench, type Bench } from './windows-support.ts';

const SOON = 1500;
/** Longer than a test may take: a failure that waits for it is none that is told at once. */
const NEVER = 600_000;

describeWith(STANDIN_NEEDS, 'connecting to a Windows guest', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench.close());
  beforeEach(() => bench.reset());

  const wrong: GuestAccess = { userName: 'Administrator', password: 'wrong' };

  test('waits for a slow one, and says what for', async () => {
    const { guest: behaviour } = bench.standIn.host;
    Object.assign(behaviour, { heartbeatAfterMs: Infinity, directAfterMs: Infinity });
    const waits: string[] = [];
    const guest = await bench.connect({
      timeoutMs: NEVER,
      onWait: (what) => {
        waits.push(what);
        // It goes on when it has been seen as it is.
        behaviour[what.startsWith('no heartbeat') ? 'heartbeatAfterMs' : 'directAfterMs'] = 0;
      },
    });
    expect(await guest.run(cmd('exit 7'), { onOutput: () => undefined })).toEqual({ status: 7 });
    expect(waits).toEqual([
      'no heartbeat yet (Running NoContact)',
      'the guest does not answer PowerShell Direct yet',
    ]);
    await guest.close();
  });
  test('says that the machine is off, at once', async () => {
    await bench.host.stopMachine(bench.machineId, 0);
    await expect(bench.connect({ timeoutMs: NEVER })).rejects.toMatchObject({ code: 'HYPERV_GUEST_OFF' });
  });
  test('says that there is no heartbeat, and what the machine does', async () => {
    bench.standIn.host.guest.heartbeatAfterMs = Infinity;
    await expect(bench.connect({ timeoutMs: SOON })).rejects.toMatchObject({
      code: 'HYPERV_GUEST_NO_HEARTBEAT',
      message: expect.stringMatching(
        /^the guest of hyperfile_guests_\S+ gave no sign of life in 1.5 s \(machine Running, heartbeat NoContact\)$/,
      ) as string,
    });
  });
  test('says that PowerShell Direct does not answer', async () => {
    bench.standIn.host.guest.directAfterMs = Infinity;
    await expect(bench.connect({ timeoutMs: SOON })).rejects.toMatchObject({
      code: 'HYPERV_GUEST_NO_DIRECT',
    });
  });
  test('says that the machine went off while it was waited for', async () => {
    bench.standIn.host.guest.directAfterMs = Infinity;
    const { host } = bench.standIn;
    let off: Promise<void> | undefined;
    const connecting = bench.connect({
      timeoutMs: NEVER,
      onWait: () => {
        off ??= host.power.turnOff(host.machineById(bench.machineId));
      },
    });
    await expect(connecting).rejects.toMatchObject({ code: 'HYPERV_GUEST_OFF' });
    await off;
  });
  test('says that the credentials are refused, and whose, but not which', async () => {
    const request = { access: wrong, timeoutMs: NEVER, refusedMs: 500 };
    const refused = await bench.connect(request).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'HYPERV_GUEST_REFUSED' });
    expect((refused as Error).message).toMatch(/refused the account Administrator: /);
    expect(JSON.stringify(refused)).not.toContain('wrong');
  });
  test('does not believe the first refusal: accounts come a little after everything else', async () => {
    bench.standIn.host.guest.userName = 'nobody';
    const waits: string[] = [];
    const guest = await bench.connect({
      timeoutMs: NEVER,
      refusedMs: NEVER,
      onWait: (what) => {
        waits.push(what);
        bench.standIn.host.guest.userName = 'Administrator';
      },
    });
    expect(waits).toEqual(['the guest does not take the account yet']);
    await guest.close();
  });
  test('does not take it for a refusal that its service does not make sense', async () => {
    bench.standIn.host.guest.directIsBroken = true;
    await expect(bench.connect({ timeoutMs: SOON, refusedMs: 0 })).rejects.toMatchObject({
      code: 'HYPERV_GUEST_NO_DIRECT',
      message: expect.stringContaining('Negotiating a secure connection') as string,
    });
    const waits: string[] = [];
    const guest = await bench.connect({
      timeoutMs: NEVER,
      refusedMs: 0,
      onWait: (what) => {
        waits.push(what);
        bench.standIn.host.guest.directIsBroken = false;
      },
    });
    expect(waits).toEqual(['the guest does not answer PowerShell Direct yet']);
    await guest.close();
  });
  test('gives a system that sets itself up the time to make its accounts', async () => {
    bench.standIn.host.guest.userName = 'defaultuser0';
    const guest = await bench.connect({
      isSettingUp: true,
      timeoutMs: NEVER,
      onWait: () => (bench.standIn.host.guest.userName = 'Administrator'),
    });
    await guest.close();
    const still = bench.connect({ access: wrong, isSettingUp: true, timeoutMs: SOON });
    await expect(still).rejects.toMatchObject({ code: 'HYPERV_GUEST_SETTING_UP' });
  });
  test('says that a key is of no use', async () => {
    const access = { userName: 'Administrator', privateKey: 'key' };
    await expect(bench.connect({ access })).rejects.toMatchObject({ code: 'HYPERV_GUEST_NO_PASSWORD' });
  });
  test('can be cancelled', async () => {
    bench.standIn.host.guest.directAfterMs = Infinity;
    const cancel = new AbortController();
    const connecting = bench.connect({
      timeoutMs: NEVER,
      signal: cancel.signal,
      onWait: () => cancel.abort(),
    });
    await expect(connecting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describeWith([...STANDIN_NEEDS, ...SSH_SERVER_NEEDS], 'connecting to a Linux guest', () => {
  let bench: Bench;
  let server: SshServer;

  beforeAll(async () => {
    server = await startSshServer();
    bench = await startBench({ fileSystem: 'ext4' });
  });
  afterAll(async () => {
    await bench.close();
    await server.stop();
  });
  beforeEach(async () => {
    await bench.reset();
    bench.standIn.host.guest.addresses = ['fe80::2', '169.254.1.1', server.address];
  });

  const root = (): GuestAccess => ({ userName: 'root', privateKey: server.privateKey });

  test('finds it by its best address and runs commands there', async () => {
    const guest = await bench.connect({ system: 'linux', access: root() });
    const said: string[] = [];
    const command = { argv: ['id', '-u'], env: {}, workdir: '/', user: '', network: 'host' } as const;
    const onOutput = (_: string, chunk: Buffer): void => void said.push(chunk.toString());
    expect(await guest.run(command, { onOutput })).toEqual({ status: 0 });
    expect(said.join('')).toBe('0\n');
    expect((await guest.files!.readFile('/etc/passwd'))!.toString()).toContain('builder');
    await guest.close();
  });
  test('says that it does not answer as a Windows guest does', async () => {
    const connecting = bench.connect({ timeoutMs: SOON });
    await expect(connecting).rejects.toMatchObject({ code: 'HYPERV_GUEST_NO_DIRECT' });
  });
  test('says that it has no address, and waits for one', async () => {
    bench.standIn.host.guest.addresses = [];
    const request = { system: 'linux', access: root() } as const;
    const connecting = bench.connect({ ...request, timeoutMs: SOON });
    await expect(connecting).rejects.toMatchObject({ code: 'HYPERV_GUEST_NO_ADDRESS' });
    const waits: string[] = [];
    const guest = await bench.connect({
      ...request,
      timeoutMs: NEVER,
      onWait: (what) => {
        waits.push(what);
        bench.standIn.host.guest.addresses = [server.address];
      },
    });
    expect(waits).toEqual(['the guest has no address yet']);
    await guest.close();
  });
  test('says that nobody answers at its address', async () => {
    bench.standIn.host.guest.addresses = ['127.0.7.77'];
    const connecting = bench.connect({ system: 'linux', access: root(), timeoutMs: SOON });
    await expect(connecting).rejects.toMatchObject({
      code: 'HYPERV_GUEST_NO_SSH',
      message: expect.stringContaining('127.0.7.77') as string,
    });
  });
  test('says at once that the credentials are refused', async () => {
    for (const access of [
      { userName: 'root', password: 'wrong' },
      { ...root(), userName: 'nobody-knows' },
    ]) {
      const connecting = bench.connect({ system: 'linux', access, timeoutMs: NEVER });
      await expect(connecting).rejects.toMatchObject({ code: 'HYPERV_GUEST_REFUSED' });
    }
  });
  test('says at once that the account is not root and cannot become it', async () => {
    const access = { userName: 'builder', password: PASSWORD };
    const connecting = bench.connect({ system: 'linux', access, timeoutMs: NEVER });
    await expect(connecting).rejects.toMatchObject({ code: 'HYPERV_GUEST_ROOT' });
  });
});
