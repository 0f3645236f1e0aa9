/** The PowerShell session: calls, streams, errors, time-outs, cancelling, what happens when PowerShell is lost. */
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { SessionEvent } from '../../../../src/drivers/hyperv/session/records.ts';
import { PowerShellSession } from '../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../support/needs.ts';
import { powershellEngine, POWERSHELL_NEEDS } from '../../../support/powershell/engine.ts';
import { isAlive, SAMPLE, sampleSession, temporaryFolder, until, written } from './support.ts';

describeWith(POWERSHELL_NEEDS, 'a PowerShell session', () => {
  let session: PowerShellSession;

  beforeAll(async () => {
    session = await sampleSession({ isVerbose: true });
    await session.call('Sample\\Get-Echo', { Value: null });
  });
  afterAll(() => session.close());

  const echo = (value: number) => session.call('Sample\\Get-Echo', { Value: value });

  test('calls wait for each other and keep their order', async () => {
    const order: number[] = [];
    const calls = [0, 1, 2, 3, 4].map((value) => echo(value).then(() => order.push(value)));
    await Promise.all(calls);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test('all streams are events, whole and while the function runs', async () => {
    const events: SessionEvent[] = [];
    const text = 'x'.repeat(300);
    const output = await session.call(
      'Sample\\Write-All',
      { Text: text },
      { onEvent: (event) => events.push(event) },
    );
    expect(output).toEqual(['output']);
    // Of progress that comes too fast, the last is heard.
    expect(events.at(-1)).toEqual({ kind: 'progress', activity: 'work', status: text, isDone: true });
    expect(events.filter(({ kind }) => kind !== 'progress')).toEqual([
      { kind: 'verbose', text: `verbose ${text}` },
      { kind: 'warning', text: `warning ${text}` },
      { kind: 'information', text: `information ${text}` },
      { kind: 'information', text: `host ${text}` },
    ]);
  });

  test('what a function writes is heard before it has ended', async () => {
    using folder = temporaryFolder();
    const marker = path.join(folder.path, 'heard');
    const heard: string[] = [];
    const options = {
      onEvent: (event: SessionEvent) => event.kind === 'progress' && heard.push(event.status),
      onOutput: (value: unknown) => {
        heard.push(`output ${String(value)}`);
        writeFileSync(marker, '');
      },
    };
    expect(await session.call('Sample\\Wait-Heard', { Marker: marker }, options)).toEqual([]);
    expect(heard).toEqual(['first', 'output first', 'output second']);
  });

  test.each([
    [
      'cmdlet',
      'HYPERV_NOT_FOUND',
      {
        id: 'PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand',
        category: 'ObjectNotFound',
        target: path.resolve('/nowhere/[x]'),
      },
    ],
    [
      'quiet',
      'HYPERV_IN_USE',
      { id: 'Quiet,Invoke-Failure', category: 'ResourceBusy', target: 'disk', message: 'goes on' },
    ],
    ['throw', 'POWERSHELL_FAILED', { id: 'thrown', message: 'thrown' }],
    [
      'net',
      'POWERSHELL_FAILED',
      {
        id: 'DirectoryNotFoundException,Invoke-Failure',
        exception: 'System.Management.Automation.MethodInvocationException',
      },
    ],
    ['strict', 'POWERSHELL_FAILED', { id: 'VariableIsUndefined,Invoke-Failure' }],
    ['missing', 'HYPERV_MISSING', { id: 'CouldNotAutoLoadModule,Invoke-Failure' }],
    ['own', 'HYPERV_IN_USE', { id: 'HYPERV_IN_USE,Invoke-Failure', target: 'C:\\disk.vhdx' }],
    ['full', 'DISK_FULL', { hresult: '0x80070070' }],
  ])('an error (%s) is %s with all that is known of it', async (kind, code, data) => {
    const failed = session.call('Sample\\Invoke-Failure', { Kind: kind });
    await expect(failed).rejects.toMatchObject({
      code,
      data: { ...data, function: 'Sample\\Invoke-Failure' },
    });
    await expect(failed).rejects.toMatchObject({
      data: { stack: expect.stringContaining('Invoke-Failure') as string },
    });
  });

  test('only functions that a module exports can be called, and only with parameters that they have', async () => {
    const wrong = [
      session.call('Get-Process'),
      session.call('Microsoft.PowerShell.Management\\Get-Process'),
      session.call('Sample\\Get-Echo', { Val: 1 }),
      session.call("Sample\\Get-Echo'; exit 3 #"),
    ];
    const codes = (await Promise.allSettled(wrong)).map(
      (end) => end.status === 'rejected' && (end.reason as { data: { id: string } }).data.id,
    );
    expect(codes).toEqual([
      'HyperfileFunction',
      'HyperfileFunction',
      'HyperfileParameter',
      'HyperfileFunction',
    ]);
  });

  test('a call that is cancelled while it waits is not run, and does not wait', async () => {
    using folder = temporaryFolder();
    const marker = path.join(folder.path, 'heard');
    const running = session.call('Sample\\Wait-Heard', { Marker: marker });
    const cancelling = new AbortController();
    const waiting = session.call(
      'Sample\\Wait-Long',
      { Marker: path.join(folder.path, 'never') },
      { signal: cancelling.signal },
    );
    cancelling.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    writeFileSync(marker, '');
    expect(await running).toEqual(['first', 'second']);
    await expect(session.call('Sample\\Get-Echo', {}, { signal: cancelling.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await echo(1)).toEqual([{ value: 1 }]);
  });

  test('a call that is cancelled while it runs ends with all it has started, and the next gets a new PowerShell', async () => {
    using folder = temporaryFolder();
    const [first] = (await session.call('Sample\\Get-SessionFact')) as { processId: number }[];
    const cancelling = new AbortController();
    const marker = path.join(folder.path, 'child');
    const call = session.call(
      'Sample\\Invoke-Program',
      { Node: process.execPath, Marker: marker },
      { signal: cancelling.signal },
    );
    const next = session.call('Sample\\Get-SessionFact') as Promise<{ processId: number }[]>;
    const child = Number(await written(marker));
    cancelling.abort();
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(isAlive(first.processId)).toBe(false);
    await until(() => !isAlive(child));
    expect((await next)[0].processId).not.toBe(first.processId);
  });

  test('a call that changes nothing runs again when PowerShell is lost, once', async () => {
    using folder = temporaryFolder();
    const again = { Marker: path.join(folder.path, 'crashed') };
    expect(await session.call('Sample\\Get-AfterCrash', again, { isRepeatable: true })).toEqual(['answer']);
    await expect(
      session.call('Sample\\Stop-Session', { Code: 9 }, { isRepeatable: true }),
    ).rejects.toMatchObject({ code: 'POWERSHELL_LOST' });
    const never = { Marker: path.join(folder.path, 'crashed again') };
    await expect(session.call('Sample\\Get-AfterCrash', never)).rejects.toMatchObject({
      code: 'POWERSHELL_LOST',
    });
  });

  test('preferences and encodings are ours', async () => {
    const [facts] = await session.call('Sample\\Get-SessionFact');
    expect(facts).toMatchObject({ preference: 'Stop' });
  });
});

describeWith(POWERSHELL_NEEDS, 'the start of a session', () => {
  test('modules are found in folders with any name', async () => {
    using folder = temporaryFolder();
    const odd = path.join(folder.path, "it's [a] $folder `b` (1) 日本");
    mkdirSync(odd);
    const module = path.join(odd, 'Sample.psm1');
    copyFileSync(SAMPLE, module);
    await using session = await sampleSession({ modules: [module] });
    expect(await session.call('Sample\\Get-Echo', { Value: odd })).toEqual([{ value: odd }]);
  });

  test("our own module, too: it is loaded by its file's path, taken literally", async () => {
    using folder = temporaryFolder();
    const odd = path.join(folder.path, "it's [a] $folder");
    cpSync(path.resolve(import.meta.dirname, '../../../../src/drivers/hyperv/powershell'), odd, {
      recursive: true,
    });
    await using session = await sampleSession({ modules: [path.join(odd, 'Hyperfile.HyperV.psd1')] });
    await expect(session.call('Nothing-There')).rejects.toMatchObject({ data: { id: 'HyperfileFunction' } });
  });

  test('a module that cannot be loaded fails every call with the reason', async () => {
    using folder = temporaryFolder();
    const module = path.join(folder.path, 'Broken.psm1');
    writeFileSync(module, 'function Get-Broken {\n');
    await using session = await sampleSession({ modules: [module] });
    for (let time = 0; time < 2; time++)
      await expect(session.call('Broken\\Get-Broken')).rejects.toMatchObject({
        code: 'POWERSHELL_NOT_READY',
        message: expect.stringContaining('Broken.psm1') as string,
      });
  });

  test('a program that is no PowerShell is said to be none', async () => {
    await using session = new PowerShellSession({
      executable: process.platform === 'win32' ? 'where' : 'false',
    });
    await expect(session.call('Get-Echo')).rejects.toMatchObject({
      code: 'POWERSHELL_NOT_READY',
      // Windows' has something to say.
      message: expect.stringMatching(
        process.platform === 'win32'
          ? /^PowerShell did not load Hyperfile's module: ./
          : /^PowerShell did not load Hyperfile's module: it ended with exit code 1$/,
      ) as string,
    });
  });

  test('a start can be cancelled', async () => {
    const { executable } = await powershellEngine();
    await using session = new PowerShellSession({ executable, modules: [SAMPLE] });
    const cancelling = new AbortController();
    const call = session.call('Sample\\Get-Echo', {}, { signal: cancelling.signal });
    setTimeout(() => cancelling.abort(), 50);
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('the search path for modules of another PowerShell is not handed on', async () => {
    vi.stubEnv('PSModulePath', '/nowhere/7/Modules');
    await using session = await sampleSession();
    const [facts] = (await session.call('Sample\\Get-SessionFact')) as { modulePath: string }[];
    expect(facts.modulePath).not.toContain('/nowhere/7/Modules');
    await using asked = await sampleSession({ env: { PSModulePath: '/nowhere/mine' } });
    const [others] = (await asked.call('Sample\\Get-SessionFact')) as { modulePath: string }[];
    expect(others.modulePath).toContain('/nowhere/mine');
    vi.unstubAllEnvs();
  });

  test('closing a session that never ran, twice, and calling it afterwards', async () => {
    const session = await sampleSession();
    await session.close();
    await session.close();
    await expect(session.call('Sample\\Get-Echo')).rejects.toMatchObject({ code: 'POWERSHELL_CLOSED' });
  });
});
