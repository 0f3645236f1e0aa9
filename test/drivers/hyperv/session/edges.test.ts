/**
 * Where node-powershell hangs or lies: each edge with the bare library, which shows that the test would notice, and with
 * our session.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PowerShell } from 'node-powershell';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Shell } from '../../../../src/drivers/hyperv/session/shell.ts';
import { PowerShellSession } from '../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../support/needs.ts';
import {
  powershellEngine,
  POWERSHELL_ENVIRONMENT,
  POWERSHELL_NEEDS,
} from '../../../support/powershell/engine.ts';
import { isAlive, SAMPLE, sampleSession, temporaryFolder, until, written } from './support.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

/** Long enough for an answer that is on its way. */
const MOMENT_MS = 1000;

async function hangs(promise: Promise<unknown>): Promise<boolean> {
  const answered = promise.then(
    () => false,
    () => false,
  );
  return Promise.race([answered, sleep(MOMENT_MS, true)]);
}

/** How a promise ends, as `resolved` or the error's name and message. */
function ending(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

const SH = process.platform === 'win32' ? ['a shell'] : ['sh'];

describeWith(SH, 'with what Windows prints', () => {
  const folder = temporaryFolder();
  const executable = path.join(folder.path, 'powershell');
  let run = 0;

  beforeAll(() => {
    const fake = path.join(import.meta.dirname, 'fake-powershell.ts');
    writeFileSync(executable, `#!/bin/sh\nexec '${process.execPath}' '${fake}' "$@"\n`);
    chmodSync(executable, 0o755);
  });
  afterAll(() => folder[Symbol.dispose]());

  /** A bare call, known to be answered when this returns. */
  async function bareCall(behaviour: string): Promise<{ shell: PowerShell; call: Promise<{ raw: string }> }> {
    const log = path.join(folder.path, `log-${++run}`);
    vi.stubEnv('NODE_POWERSHELL', executable);
    const env = { ...process.env, FAKE_POWERSHELL: behaviour, FAKE_LOG: log };
    const shell = new PowerShell({ spawnOptions: { env } });
    vi.unstubAllEnvs();
    const call = shell.invoke('anything');
    call.catch(() => undefined);
    await written(log);
    return { shell, call };
  }

  function fakeSession(behaviour: string): PowerShellSession {
    return new PowerShellSession({ executable, env: { FAKE_POWERSHELL: behaviour }, modules: [] });
  }

  async function endBare(shell: PowerShell): Promise<void> {
    await shell.dispose('SIGKILL').catch(() => undefined);
  }

  /** Many, because some losses need several. */
  async function callsSucceed(behaviour: string): Promise<void> {
    await using session = fakeSession(behaviour);
    for (let number = 0; number < 100; number++)
      expect(await session.call('Get-Echo', { number })).toEqual([{ number }]);
  }

  test('the library answers when nothing is unusual', async () => {
    const { shell, call } = await bareCall('');
    expect((await call).raw).toBe('ran');
    await endBare(shell);
    await callsSucceed('');
  });

  test.each([
    ['lines that end with CR LF', 'crlf'],
    ['what is printed after the delimiter', 'late-output'],
    ['both', 'crlf,late-output'],
  ])('%s: the library waits for ever, the session does not', async (_, behaviour) => {
    const { shell, call } = await bareCall(behaviour);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    await callsSucceed(behaviour);
  });

  test('a program that takes our lines for its input: the library waits for ever, the session asks again', async () => {
    const { shell, call } = await bareCall('eats-input');
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    await using session = fakeSession('eats-input');
    for (let number = 0; number < 2; number++)
      expect(await session.call('Get-Echo', { number })).toEqual([{ number }]);
  });

  test("text in the console's code page: the library garbles it, answers of the session have none", async () => {
    const { shell, call } = await bareCall('code-page');
    expect((await call).raw).not.toContain('日本語');
    expect((await call).raw).toContain('\uFFFD');
    await endBare(shell);
    await using session = fakeSession('code-page,crlf');
    expect(await session.call('Get-Echo', { text: '日本語' })).toEqual([{ text: '日本語' }]);
  });

  test('what is printed into an answer fails the call by name, and the next one gets a new PowerShell', async () => {
    await using session = fakeSession('prints-into-frames');
    for (let time = 0; time < 2; time++)
      await expect(session.call('Get-Echo', {})).rejects.toMatchObject({ code: 'POWERSHELL_UNANSWERED' });
  });

  test('no answer at all is an error that shows what came instead', async () => {
    await using session = fakeSession('forgets-answers');
    await expect(session.call('Get-Echo', {})).rejects.toMatchObject({
      code: 'POWERSHELL_UNANSWERED',
      message: 'PowerShell gave no answer to Get-Echo: something else',
    });
  });
});

describeWith(POWERSHELL_NEEDS, 'in the real PowerShell', () => {
  let executable: string;
  let session: PowerShellSession;

  beforeAll(async () => {
    ({ executable } = await powershellEngine());
    session = await sampleSession();
    await session.call('Sample\\Get-Echo', { Value: null });
  });
  afterAll(() => session.close());

  const echo = (value: string) => session.call('Sample\\Get-Echo', { Value: value });

  /** One that has answered a call already, so that it is known to run. */
  async function bare(options: object = {}): Promise<PowerShell> {
    vi.stubEnv('NODE_POWERSHELL', executable);
    const env = { ...process.env, ...POWERSHELL_ENVIRONMENT };
    const shell = new PowerShell({
      executableOptions: { '-NoProfile': true, '-NonInteractive': true },
      spawnOptions: { env },
      ...options,
    });
    vi.unstubAllEnvs();
    await shell.invoke('1');
    return shell;
  }

  async function endBare(shell: PowerShell): Promise<void> {
    await shell.dispose('SIGKILL').catch(() => undefined);
  }

  test.each([
    ['several lines', 'if ($true) {\n"inside"\n}'],
    ['an incomplete line', '1 +'],
    ['an open quote', "'it"],
    ['a here-string', '@"\nhere\n'],
  ])('%s: the library never ends the command; for the session it is a text', async (_, text) => {
    const shell = await bare();
    const call = shell.invoke(text);
    call.catch(() => undefined);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    expect(await echo(text)).toEqual([{ value: text }]);
  });

  test('the session refuses to send a command of several lines', async () => {
    const shell = new Shell({
      executable,
      env: { ...process.env, ...POWERSHELL_ENVIRONMENT },
      onRecord: () => undefined,
    });
    for (const line of ['a\nb', 'a\rb', '\uFEFFa']) await expect(shell.run(line)).rejects.toThrow('one line');
    expect((await shell.close()).how).toBe('with exit code 0');
  });

  test('a question without -NonInteractive takes the delimiter for its answer and hangs; in the session it fails', async () => {
    const shell = await bare({ executableOptions: { '-NoProfile': true } });
    const call = shell.invoke('Read-Host -Prompt name');
    call.catch(() => undefined);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    for (const kind of ['prompt', 'choice'])
      await expect(session.call('Sample\\Invoke-Failure', { Kind: kind })).rejects.toMatchObject({
        code: 'POWERSHELL_FAILED',
      });
  });

  test('a time-out of the library has no words and cancels nothing; ours is named and the next call runs', async () => {
    using folder = temporaryFolder();
    const marker = path.join(folder.path, 'pid');
    const shell = await bare();
    // From here on; to start takes its time.
    Object.assign(shell, { invocationTimeout: 1000 });
    expect(await ending(shell.invoke('Start-Sleep -Seconds 600'))).toBe('InvocationError: ');
    // The next one waits behind it, and its own time-out cancels nothing either.
    expect(await ending(shell.invoke('2'))).toBe('InvocationError: ');
    await endBare(shell);

    await using ours = await sampleSession();
    await expect(
      ours.call('Sample\\Wait-Long', { Marker: marker }, { timeoutMs: 8000 }),
    ).rejects.toMatchObject({
      code: 'POWERSHELL_TIMEOUT',
      message: 'Sample\\Wait-Long did not end within 8 s',
    });
    expect(isAlive(Number(await written(marker)))).toBe(false);
    expect(await ours.call('Sample\\Get-Echo', { Value: 2 })).toEqual([{ value: 2 }]);
  });

  test('dispose makes a running call of the library succeed and a waiting one hang; close rejects both', async () => {
    using folder = temporaryFolder();
    const shell = await bare();
    const [running, waiting] = [shell.invoke('Start-Sleep -Seconds 600'), shell.invoke('2')];
    await sleep(500);
    await shell.dispose();
    expect(await ending(running)).toBe('resolved');
    expect(await hangs(waiting)).toBe(true);

    const ours = await sampleSession();
    const marker = path.join(folder.path, 'pid');
    const calls = [
      ours.call('Sample\\Wait-Long', { Marker: marker }),
      ours.call('Sample\\Get-Echo', { Value: 1 }),
    ];
    const ends = Promise.allSettled(calls);
    const pid = Number(await written(marker));
    await ours.close();
    expect(isAlive(pid)).toBe(false);
    expect(
      (await ends).map((end) => end.status === 'rejected' && (end.reason as { code: string }).code),
    ).toEqual(['POWERSHELL_CLOSED', 'POWERSHELL_CLOSED']);
    await ours.close();
  });

  test('dispose leaves what PowerShell has started; close does not', async () => {
    using folder = temporaryFolder();
    const [left, ended] = [path.join(folder.path, 'left'), path.join(folder.path, 'ended')];
    const shell = await bare();
    const call = shell.invoke(`& /bin/sh -c 'sleep 600 & echo $! > ${left}; wait'`);
    call.catch(() => undefined);
    const pid = Number(await written(left));
    await shell.dispose().catch(() => undefined);
    await sleep(MOMENT_MS);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid);

    const ours = await sampleSession();
    const running = ours.call('Sample\\Invoke-Program', { Marker: ended });
    running.catch(() => undefined);
    const child = Number(await written(ended));
    await ours.close();
    await until(() => !isAlive(child));
  });

  test.each([0, 3])(
    'exit %i in the middle of a call: what the library makes of it, and what the session does',
    async (code) => {
      const shell = await bare();
      const end = await ending(shell.invoke(`[Environment]::Exit(${code})`));
      if (code === 0) expect(end).toBe('resolved');
      else expect(end).toMatch(/^ProcessError: /);
      // After a ProcessError, dispose rejects too.
      if (code !== 0) expect(await ending(shell.dispose())).toMatch(/^ProcessError: /);

      await using ours = await sampleSession();
      await expect(ours.call('Sample\\Stop-Session', { Code: code })).rejects.toMatchObject({
        code: 'POWERSHELL_LOST',
        message: `PowerShell ended with exit code ${code} while Sample\\Stop-Session ran: last words`,
      });
      expect(await ours.call('Sample\\Get-Echo', { Value: 1 })).toEqual([{ value: 1 }]);
    },
  );

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s from outside in the middle of a call', async (signal) => {
    using folder = temporaryFolder();
    const [theirs, marker] = [path.join(folder.path, 'theirs'), path.join(folder.path, 'ours')];
    const shell = await bare();
    const call = ending(shell.invoke(`[IO.File]::WriteAllText('${theirs}', $PID); Start-Sleep -Seconds 600`));
    process.kill(Number(await written(theirs)), signal);
    if (signal === 'SIGTERM') expect(await call).toBe('resolved');
    else expect(await call).toMatch(/^ProcessError: /);

    await using ours = await sampleSession();
    const lost = ours.call('Sample\\Wait-Long', { Marker: marker });
    lost.catch(() => undefined);
    process.kill(Number(await written(marker)), signal);
    await expect(lost).rejects.toMatchObject({ code: 'POWERSHELL_LOST' });
  });

  test('text on standard error fails a call of the library; ours says what it means to say', async () => {
    const shell = await bare();
    expect(await ending(shell.invoke("[Console]::Error.WriteLine('just saying')"))).toBe(
      'InvocationError: just saying',
    );
    await endBare(shell);
    expect(await session.call('Sample\\Write-Noise', { Text: 'just saying\n' })).toEqual(['answer']);
  });

  test('the library keeps every result; the session keeps none, and hands it no output at all', async () => {
    const shell = await bare();
    for (let time = 0; time < 5; time++) await shell.invoke("'x' * 100000");
    expect(shell.history).toHaveLength(6);
    await endBare(shell);

    const invoke = vi.spyOn(PowerShell.prototype, 'invoke');
    try {
      for (let time = 0; time < 5; time++) await echo('x'.repeat(100_000));
      const [inside] = invoke.mock.contexts as unknown as PowerShell[];
      const results = invoke.mock.results.map(
        ({ value }) => value as Promise<{ raw: string; stdout: Buffer }>,
      );
      for (const { raw, stdout } of await Promise.all(results))
        expect({ raw, length: stdout.length }).toEqual({ raw: '', length: 0 });
      expect(inside.history).toHaveLength(0);
    } finally {
      invoke.mockRestore();
    }
  });

  test("values quoted by the library stay live; the session's arrive as they are", async () => {
    const value = 'a$(1+1)b';
    const shell = await bare();
    expect((await shell.invoke(PowerShell.command`${value}`)).raw).toBe('a2b');
    await endBare(shell);
    expect(await echo(value)).toEqual([{ value }]);
  });

  test('variables and preferences of one command are there for the next; ours start afresh', async () => {
    const shell = await bare();
    await shell.invoke("$ErrorActionPreference = 'SilentlyContinue'");
    expect((await shell.invoke('Get-Item -LiteralPath /nowhere; "went on"')).raw).toBe('went on');
    await endBare(shell);
    await session.call('Sample\\Set-Trap');
    await expect(session.call('Sample\\Invoke-Failure', { Kind: 'cmdlet' })).rejects.toMatchObject({
      code: 'HYPERV_NOT_FOUND',
    });
  });

  test('a byte order mark breaks a command of the library; in a value it is a letter', async () => {
    const shell = await bare();
    expect(await ending(shell.invoke('\uFEFF"x"'))).not.toBe('resolved');
    await endBare(shell);
    expect(await echo('\uFEFFx')).toEqual([{ value: '\uFEFFx' }]);
  });

  test("another code page of the console garbles the library's answers, and none of ours", async () => {
    const text = '日本語 é';
    const shell = await bare();
    await shell.invoke('[Console]::OutputEncoding = [Text.Encoding]::GetEncoding(932)');
    expect((await shell.invoke(`[Console]::Out.Write('${text}')`)).raw).not.toBe(text);
    await endBare(shell);
    await session.call('Sample\\Set-CodePage', { Page: 932 });
    expect(await echo(text)).toEqual([{ value: text }]);
  });

  test('warnings come from the library as text that is cut into lines; ours are events', async () => {
    const long = 'word '.repeat(60).trim();
    const shell = await bare();
    expect((await shell.invoke(`Write-Warning '${long}'`)).raw).toMatch(/^WARNING: /);
    await endBare(shell);
    const texts: string[] = [];
    await session.call(
      'Sample\\Write-All',
      { Text: long },
      { onEvent: (event) => event.kind === 'warning' && texts.push(event.text) },
    );
    expect(texts).toEqual([`warning ${long}`]);
  });

  /** Runs a program of its own, because what is looked at is how it ends. */
  function program(
    source: string,
    env: NodeJS.ProcessEnv = {},
  ): { pid: number; ended: Promise<{ status: number | null; output: string }> } {
    const url = (file: string): string =>
      JSON.stringify(path.resolve(import.meta.dirname, '../../../../src/drivers/hyperv/session', file));
    const head = `import { PowerShell } from ${JSON.stringify(import.meta.resolve('node-powershell'))};
      import { PowerShellSession } from ${url('session.ts')};
      const ours = () => new PowerShellSession({ executable: ${JSON.stringify(executable)}, modules: [${JSON.stringify(SAMPLE)}] });`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', head + source], {
      env: {
        ...process.env,
        ...POWERSHELL_ENVIRONMENT,
        NODE_POWERSHELL: executable,
        NODE_NO_WARNINGS: '1',
        ...env,
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    return {
      pid: child.pid!,
      ended: new Promise((resolve) => child.on('close', (status) => resolve({ status, output }))),
    };
  }

  test('a PowerShell that is not there is an unhandled rejection of the library, and a named error of ours', async () => {
    const bareEnd = await program('new PowerShell()', { NODE_POWERSHELL: '/nowhere/pwsh' }).ended;
    expect(bareEnd.status).toBe(1);
    expect(bareEnd.output).toContain('ProcessError');
    const source = `const session = new PowerShellSession({ executable: '/nowhere/pwsh' });
      await session.call('Get-Echo').catch((error) => console.log(error.code, error.message));
      await session.close();`;
    expect(await program(source).ended).toEqual({
      status: 0,
      output: 'POWERSHELL_MISSING /nowhere/pwsh could not be started: ENOENT\n',
    });
  });

  test("the library's time limit for a session keeps Node alive when it is over; ours leaves nothing", async () => {
    const report = `console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length); process.exit()`;
    const theirs = await program(
      `const shell = new PowerShell({ disposeTimeout: 600_000 }); await shell.invoke('1'); await shell.dispose(); ${report}`,
    ).ended;
    expect(theirs.output.trim()).toBe('1');
    const mine = await program(
      `const session = ours(); await session.call('Sample\\\\Get-Several', { Count: 1 }); await session.close(); ${report}`,
    ).ended;
    expect(mine.output.trim()).toBe('0');
    // And without being told to exit, it does.
    const free = await program(
      `const session = ours(); console.log((await session.call('Sample\\\\Get-Several', { Count: 1 })).length); await session.close();`,
    ).ended;
    expect(free).toEqual({ status: 0, output: '1\n' });
  });

  test('with DEBUG set the library shows every command; the session shows nothing', async () => {
    const theirs = await program(
      `const shell = new PowerShell(); await shell.invoke('"confidential"'); await shell.dispose()`,
      { DEBUG: '*' },
    ).ended;
    expect(theirs.output).toContain('confidential');
    const mine = await program(
      `const session = ours(); await session.call('Sample\\\\Get-Several', { Count: 1 }); await session.close();`,
      { DEBUG: '*' },
    ).ended;
    expect(mine).toEqual({ status: 0, output: '' });
  });

  test('when Node is killed a busy PowerShell of the library lives on; ours ends', async () => {
    using folder = temporaryFolder();
    const [theirs, mine] = [path.join(folder.path, 'theirs'), path.join(folder.path, 'mine')];
    const bareProgram = program(
      `await new PowerShell().invoke("[IO.File]::WriteAllText('${theirs}', $PID); Start-Sleep -Seconds 600")`,
    );
    const ourProgram = program(
      `await ours().call('Sample\\\\Wait-Long', { Marker: ${JSON.stringify(mine)} })`,
    );
    const [their, my] = [Number(await written(theirs)), Number(await written(mine))];
    process.kill(bareProgram.pid, 'SIGKILL');
    process.kill(ourProgram.pid, 'SIGKILL');
    await until(() => !isAlive(my));
    expect(isAlive(their)).toBe(true);
    process.kill(their, 'SIGKILL');
    expect(existsSync(mine) && readFileSync(mine, 'utf8')).toBe(String(my));
  });
});
