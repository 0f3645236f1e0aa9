/** Commands of Windows guests as other accounts: real sessions of the real PowerShell, against the stand-in of Hyper-V. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Guest, GuestAccess } from '../../../../src/drivers/hyperv/guest/guest.ts';
import type { ConnectOptions, GuestCalls } from '../../../../src/drivers/hyperv/guest/guest-calls.ts';
import { WindowsAccounts } from '../../../../src/drivers/hyperv/guest/windows-accounts.ts';
import { describeWith } from '../../../support/needs.ts';
import { setAccount } from '../../../support/powershell/standin/guest/accounts.ts';
import { STANDIN_NEEDS } from '../../../support/powershell/standin/standin.ts';
import { cmd, startBench, type Bench } from './windows-support.ts';

const SECRET = 'p@ss "ü" $x 7f3a';
const access = { userName: 'HOST\\Me', password: 'mine' };

/** Which accounts the guest was asked to take, one after the other. */
function accountsOf(askAccess?: (user?: string) => Promise<GuestAccess>): {
  accounts: WindowsAccounts;
  asked: string[];
  left: string[];
  options: ConnectOptions[];
} {
  const [asked, left]: string[][] = [[], []];
  const options: ConnectOptions[] = [];
  const calls = {
    connect: (_: string, { userName }: GuestAccess, given: ConnectOptions) => {
      asked.push(userName);
      options.push(given);
      return Promise.resolve({ name: 'machine', outcome: 'Opened', said: '' });
    },
    disconnect: (_: string, userName: string) => Promise.resolve(void left.push(userName)),
  } as Partial<GuestCalls> as GuestCalls;
  const request = { machineId: 'id', system: 'windows', access, timeoutMs: 1000, refusedMs: 70 } as const;
  const accounts = new WindowsAccounts(calls, { ...request, ...(askAccess && { askAccess }) });
  return { accounts, asked, left, options };
}

describe('the user of a command in a Windows guest', () => {
  test.each(['', 'me', 'ME', '.\\me', 'HOST\\me', 'ContainerAdministrator'])(
    'is the account that the guest was entered with: %j',
    async (user) => {
      const { accounts, asked } = accountsOf();
      expect(await accounts.enter(user, undefined)).toEqual(access);
      expect(asked).toEqual([]);
    },
  );
  test('is another account, whose secret is asked for when a command first needs it, and a session opened', async () => {
    const wanted: string[] = [];
    const bob = { userName: '.\\Bob', password: 'x' };
    const { accounts, asked, left, options } = accountsOf((user = '') => {
      wanted.push(user);
      return Promise.resolve(bob);
    });
    for (const user of ['bob', 'BOB', '.\\bob', 'HOST\\Bob'])
      expect(await accounts.enter(user, undefined)).toEqual(bob);
    expect([wanted, asked]).toEqual([['bob'], ['.\\Bob']]);
    expect(options).toEqual([{ timeoutMs: 1000, refusedMs: 70 }]);
    await accounts.close();
    expect(left).toEqual(['HOST\\Me', '.\\Bob']);
  });
  test.each(['SYSTEM', 'nt authority\\network service', 'NT SERVICE\\TrustedInstaller', 'LocalService'])(
    'cannot be %s, whatever the secrets are',
    async (user) => {
      const { accounts } = accountsOf(() => Promise.resolve({ userName: user, password: 'x' }));
      await expect(accounts.enter(user, undefined)).rejects.toMatchObject({
        code: 'HYPERV_GUEST_USER_SYSTEM',
      });
    },
  );
  test('is the one that the secret is of', async () => {
    const { accounts, asked } = accountsOf(() => Promise.resolve({ userName: 'alice', password: SECRET }));
    await expect(accounts.enter('bob', undefined)).rejects.toMatchObject({
      code: 'HYPERV_GUEST_USER_OTHER',
      message: 'a command is to run as bob, but the secret guest.bob is of the account alice',
    });
    expect(asked).toEqual([]);
  });
  test('has a password', async () => {
    const { accounts } = accountsOf(() => Promise.resolve({ userName: 'bob', privateKey: SECRET }));
    await expect(accounts.enter('bob', undefined)).rejects.toMatchObject({
      code: 'HYPERV_GUEST_NO_PASSWORD',
      message: 'the secret guest.bob has no password for bob, which a Windows guest asks for',
    });
  });
  test('cannot be another where nobody says how', async () => {
    await expect(accountsOf().accounts.enter('WORK\\bob', undefined)).rejects.toMatchObject({
      code: 'HYPERV_GUEST_USER',
      hint: expect.stringContaining('--secret id=guest.bob,src=FILE') as string,
    });
  });
});

describeWith(STANDIN_NEEDS, 'a Windows guest with more than one account', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
    setAccount(bench.drive(), 'Bob', SECRET);
  });
  afterAll(() => bench.close());
  beforeEach(() => bench.reset());

  const bob: GuestAccess = { userName: 'bob', password: SECRET };

  const enter = (other: GuestAccess): Promise<Guest> =>
    bench.connect({ askAccess: () => Promise.resolve(other), refusedMs: 500 });

  async function runAs(guest: Guest, user: string, line: string): Promise<string> {
    let said = '';
    const onOutput = (_: string, chunk: Buffer): void => void (said += chunk.toString());
    await guest.run(cmd(line, { user }), { onOutput });
    return said;
  }

  /** One command in a guest that has been entered anew. */
  async function as(user: string, line: string, other: GuestAccess = bob): Promise<string> {
    const guest = await enter(other);
    return runAs(guest, user, line).finally(() => guest.close());
  }

  test('runs each command as the account that it is to have, in a session of that', async () => {
    const guest = await enter(bob);
    let said = '';
    const before = bench.session.callCount;
    for (const user of ['bob', '', 'BOB']) said += await runAs(guest, user, 'whoami && echo %USERNAME%');
    expect(said.replaceAll(/^.*\\/gm, '')).toBe(
      'bob\r\nBob\r\nadministrator\r\nAdministrator\r\nbob\r\nBob\r\n',
    );
    // Three commands, and a session of the other account once.
    expect(bench.session.callCount - before).toBe(4);
    await bench.expectSessions(2);
    await guest.close();
    await bench.expectSessions(0);
  });
  test('makes accounts by a command, which the next one runs as', async () => {
    const carl = { userName: 'Carl X', password: 'pass word' };
    const guest = await enter(carl);
    await runAs(guest, '', 'net user "Carl X" "pass word" /add');
    expect(await runAs(guest, 'carl x', 'echo %USERPROFILE%')).toBe('C:\\Users\\Carl X\r\n');
    await runAs(guest, '', 'net user "carl x" /delete');
    await guest.close();
    await expect(as('carl x', 'exit 0', carl)).rejects.toMatchObject({ code: 'HYPERV_GUEST_USER_REFUSED' });
    expect(readFileSync(path.join(bench.drive(), 'Windows/System32/config/SAM'), 'utf8')).toContain('bob');
  });
  test('says whose password it refuses, and where that is to be corrected', async () => {
    const refused = await as('.\\bob', 'exit 0', { userName: 'bob', password: `not ${SECRET}` }).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: 'HYPERV_GUEST_USER_REFUSED',
      message: expect.stringMatching(
        /^the guest of hyperfile_guests_\S+ refused the account \.\\bob, which a command is to run as: ./,
      ) as string,
      hint: expect.stringContaining('Correct the secret guest.bob') as string,
    });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('7f3a');
  });
  test('is entered anew by each account when it has been started anew', async () => {
    const guest = await enter(bob);
    const io = { onOutput: () => undefined };
    expect(await guest.run(cmd('exit 4', { user: 'bob' }), io)).toEqual({ status: 4 });
    await bench.restart();
    await bench.expectSessions(0);
    expect(await as('bob', 'echo on')).toBe('on\r\n');
  });
  test('goes on as that account when PowerShell has been started anew', async () => {
    const guest = await enter(bob);
    const io = { onOutput: () => undefined };
    expect(await guest.run(cmd('exit 4', { user: 'bob' }), io)).toEqual({ status: 4 });
    await bench.losePowerShell();
    expect(await guest.run(cmd('exit 5', { user: 'bob' }), io)).toEqual({ status: 5 });
    await guest.close();
  });
});
