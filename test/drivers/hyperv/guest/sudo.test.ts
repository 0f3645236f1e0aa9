/** Linux guests that are entered as an account which becomes root with sudo: the real one, in a guest of its own. */
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuestCommand } from '../../../../src/drivers/driver.ts';
import { LinuxGuest } from '../../../../src/drivers/hyperv/guest/linux-guest.ts';
import { Ssh } from '../../../../src/drivers/hyperv/guest/ssh.ts';
import { describeWith } from '../../../support/needs.ts';
import { PASSWORD, SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../../support/ssh-server.ts';

describeWith([...SSH_SERVER_NEEDS, 'sudo'], 'a Linux guest that is entered with sudo', () => {
  let server: SshServer;
  let guest: LinuxGuest;

  beforeAll(async () => {
    server = await startSshServer();
    allow('builder ALL=(ALL) NOPASSWD: ALL\n');
    guest = new LinuxGuest(connection());
  });
  afterAll(async () => {
    await guest.close();
    await server.stop();
  });

  const connection = (): Ssh =>
    new Ssh({ address: server.address, access: { userName: 'builder', password: PASSWORD } });

  /** What sudo reads in the guest. */
  function allow(rules: string): void {
    const etc = path.join(server.root, 'etc');
    mkdirSync(path.join(etc, 'pam.d'), { recursive: true });
    // Or else it says that it does not know where it is.
    writeFileSync(path.join(etc, 'hosts'), `127.0.0.1 localhost ${os.hostname()}\n`);
    const permit = ['auth', 'account', 'session'].map((kind) => `${kind} required pam_permit.so\n`).join('');
    writeFileSync(path.join(etc, 'pam.d/sudo'), permit);
    const file = path.join(etc, 'sudoers');
    writeFileSync(file, rules);
    chownSync(file, 0, 0);
    chmodSync(file, 0o440);
  }

  async function sh(script: string, more: Partial<GuestCommand> = {}): Promise<object> {
    const said = { stdout: '', stderr: '' };
    const command = {
      argv: ['sh', '-c', script],
      env: {},
      workdir: '/',
      user: '',
      network: 'host',
      ...more,
    } as const;
    const { status } = await guest.run(command, {
      onOutput: (stream, chunk) => void (said[stream] += chunk.toString()),
    });
    return { status, ...said };
  }

  test('runs commands as root, or as the user of the recipe, with their status, streams and input', async () => {
    expect(await sh('id -u; echo "$A" >&2; exit 7', { env: { A: "it's" } })).toEqual({
      status: 7,
      stdout: '0\n',
      stderr: "it's\n",
    });
    expect(await sh('id -u; id -G', { user: 'builder:video' })).toMatchObject({ stdout: '1000\n44\n' });
    expect(await sh('cat; pwd', { stdin: 'given\n', workdir: '/made/by root' })).toMatchObject({
      stdout: 'given\n/made/by root\n',
    });
    expect(statSync(path.join(server.root, 'made')).uid).toBe(0);
  });

  test('gives commands nothing of what sudo says of itself', async () => {
    expect(await sh('env | grep -c ^SUDO_; true')).toEqual({ status: 0, stdout: '0\n', stderr: '' });
  });

  test('has its files written by root', async () => {
    await guest.files.makeDirectory('/srv/site');
    await guest.files.writeFile({ destination: '/srv/site/a.txt', name: 'a.txt', content: Buffer.from('a') });
    const file = path.join(server.root, 'srv/site/a.txt');
    expect([readFileSync(file, 'utf8'), statSync(file).uid]).toEqual(['a', 0]);
  });

  test('is not entered when sudo asks for a password', async () => {
    allow('builder ALL=(ALL) ALL\n');
    const asking = connection();
    let said = '';
    const status = await asking.run({
      script: 'id -u',
      onStderr: (chunk) => void (said += chunk.toString()),
    });
    asking.close();
    expect(status).not.toBe(0);
    expect(said).toContain('password');
    expect(said).not.toContain(PASSWORD);
  });
});
