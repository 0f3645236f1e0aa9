/** The stand-in's machines are state machines that refuse what Hyper-V refuses, with its identifiers and in any language. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openLayer } from '../../../../src/vhdx/layer.ts';
import { describeWith } from '../../needs.ts';
import { runScript } from '../run-script.ts';
import { GIB } from './host/faults.ts';
import type { Language } from './host/messages.ts';
import { startStandIn, STANDIN_NEEDS, type StandIn } from './standin.ts';
import { makeWindowsDisk } from './windows-disk.ts';

const KIB = 1024;
const INVALID_STATE = 'InvalidState InvalidOperation';
const NOT_IN_CONTRACT = 'NotInTheContract NotImplemented';

describeWith(STANDIN_NEEDS, "the stand-in's machines", () => {
  let bases: string;
  let standIn: StandIn;
  let folder: string;

  beforeAll(async () => {
    bases = mkdtempSync(path.join(os.tmpdir(), 'standin-base-'));
    await makeWindowsDisk(path.join(bases, 'windows.vhdx'));
  });
  afterAll(() => rmSync(bases, { recursive: true }));
  beforeEach(async () => {
    standIn = await startStandIn();
    folder = mkdtempSync(path.join(os.tmpdir(), 'standin-'));
    copyFileSync(path.join(bases, 'windows.vhdx'), path.join(folder, 'base.vhdx'));
  });
  afterEach(async () => {
    await standIn.stop();
    rmSync(folder, { recursive: true });
  });

  const lit = (name: string): string => `'${path.join(folder, name)}'`;
  const run = <T = unknown>(script: string, onPause?: () => void): Promise<T[]> =>
    runScript<T>(standIn, script, onPause);
  /** A machine `$vm` of generation 2 on a difference of the base. */
  const machine = (
    disk = 'disk.vhdx',
  ): string => `$null = Hyper-V\\New-VHD -Path ${lit(disk)} -ParentPath ${lit('base.vhdx')} -BlockSizeBytes 1MB
$vm = Hyper-V\\New-VM -Name build -Generation 2 -MemoryStartupBytes 512MB -VHDPath ${lit(disk)} -Path ${lit('machines')}
`;
  const SESSION = `$credential = [pscredential]::new('.\\Administrator', (ConvertTo-SecureString 'Passw0rd!' -AsPlainText -Force))
$session = Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $credential
`;

  test('go through their states and refuse what does not fit', async () => {
    const answers = await run(
      `${machine()}
say (failure { Hyper-V\\Stop-VM -VM $vm })
say (failure { Hyper-V\\Suspend-VM -VM $vm })
Hyper-V\\Start-VM -VM $vm
say (Hyper-V\\Get-VM -Id $vm.Id).State.ToString()
say (failure { Hyper-V\\Start-VM -VM $vm })
say (failure { Hyper-V\\Remove-VM -VM $vm -Force })
say (failure { Hyper-V\\Set-VMMemory -VM $vm -StartupBytes 1GB })
say (failure { Hyper-V\\Set-VMFirmware -VM $vm -EnableSecureBoot Off })
say (failure { Hyper-V\\Mount-VHD -Path ${lit('disk.vhdx')} })
Hyper-V\\Suspend-VM -VM $vm
Hyper-V\\Resume-VM -VM $vm
Hyper-V\\Save-VM -VM $vm
say (Hyper-V\\Get-VM -Name build).State.ToString()
Hyper-V\\Remove-VMSavedState -VMName build
Hyper-V\\Start-VM -VM $vm
Hyper-V\\Stop-VM -VM $vm
say (Hyper-V\\Get-VM -Name build).State.ToString()
Hyper-V\\Remove-VM -VM $vm -Force
say (failure { Hyper-V\\Get-VM -Name build })
say (failure { Hyper-V\\Get-VM -Id $vm.Id })
say (Test-Path -LiteralPath ${lit('disk.vhdx')})`,
    );
    expect(answers).toEqual([
      INVALID_STATE,
      INVALID_STATE,
      'Running',
      INVALID_STATE,
      INVALID_STATE,
      INVALID_STATE,
      INVALID_STATE,
      'ObjectInUse ResourceBusy',
      'Saved',
      'Off',
      'InvalidParameter InvalidArgument',
      'ObjectNotFound ObjectNotFound',
      true,
    ]);
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
  });

  test('may share a name, and then a name means both', async () => {
    const answers = await run(
      `foreach ($i in 1, 2) { $null = Hyper-V\\New-VM -Name twin -MemoryStartupBytes 512MB -NoVHD -Path ${lit('machines')} }
say @(Hyper-V\\Get-VM -Name twin).Count
say @(Hyper-V\\Get-VM -Name 'tw*').Count
say (failure { Hyper-V\\Get-VM -Name 'no*' })
Hyper-V\\Remove-VM -Name twin -Force
say @(Hyper-V\\Get-VM).Count`,
    );
    expect(answers).toEqual([2, 2, null, 0]);
  });

  test('are not removed without being asked, unless forced', async () => {
    const [asked] = await run(`${machine()} say (failure { Hyper-V\\Remove-VM -VM $vm })`);
    expect(asked).toBe('InvalidOperation InvalidOperation');
  });

  test('do not start with a disk that is missing, in use, broken or unreadable, or without memory', async () => {
    const { faults } = standIn.host;
    const [missing] = await run(
      `${machine()}
Move-Item -LiteralPath ${lit('disk.vhdx')} -Destination ${lit('moved.vhdx')}
say (failure { Hyper-V\\Start-VM -VM $vm })
Move-Item -LiteralPath ${lit('moved.vhdx')} -Destination ${lit('disk.vhdx')}`,
    );
    const start = `$vm = Hyper-V\\Get-VM -Name build
say (failure { Hyper-V\\Start-VM -VM $vm })`;
    const [inUse] = await run(
      `Hyper-V\\Mount-VHD -Path ${lit('disk.vhdx')} -NoDriveLetter\n${start}\nHyper-V\\Dismount-VHD -Path ${lit('disk.vhdx')}`,
    );
    const disk = path.join(folder, 'disk.vhdx');
    const whole = readFileSync(disk);
    // Both headers.
    writeFileSync(
      disk,
      Buffer.concat([whole.subarray(0, 64 * KIB), Buffer.alloc(128 * KIB), whole.subarray(192 * KIB)]),
    );
    const [broken] = await run(start);
    writeFileSync(disk, whole);
    faults.unreadableForMachines.add(disk);
    const [unreadable] = await run(start);
    faults.unreadableForMachines.clear();
    faults.compressedOrSparse.add(path.join(folder, 'base.vhdx'));
    const [sparse] = await run(start);
    faults.compressedOrSparse.clear();
    faults.freeMemoryBytes = GIB / 4;
    const [memory] = await run(start);
    expect([missing, inUse, broken, unreadable, sparse, memory]).toEqual([
      'InvalidParameter InvalidArgument',
      'ObjectInUse ResourceBusy',
      'Unspecified NotSpecified',
      'AccessDenied PermissionDenied',
      'Unspecified NotSpecified',
      'OutOfMemory FromStdErr',
    ]);
    expect(standIn.host.leftovers().disks).toEqual([]);
  });

  test('are not made on a disk whose parent was written to, and do not start with one', async () => {
    const base = path.join(folder, 'base.vhdx');
    const original = readFileSync(base);
    await run(
      `${machine()}
$null = Hyper-V\\New-VHD -Path ${lit('other.vhdx')} -ParentPath ${lit('base.vhdx')}`,
    );
    const before = dataWriteGuid(base);
    const changing = standIn.host.attachments.attach(base, { readOnly: false, holder: 'test' });
    const mounted = await changing.mount(changing.systemPartition()!, path.join(folder, 'change'));
    writeFileSync(path.join(mounted.folder, 'more.txt'), 'more');
    await standIn.host.attachments.detach(changing);
    expect(dataWriteGuid(base)).not.toBe(before);
    const answers = await run(
      `$vm = Hyper-V\\Get-VM -Name build
say (failure { Hyper-V\\New-VM -Name other -Generation 2 -MemoryStartupBytes 512MB -VHDPath ${lit('other.vhdx')} -Path ${lit('machines')} })
say (failure { Hyper-V\\Start-VM -VM $vm })
try { Hyper-V\\Start-VM -VM $vm } catch { say ($_.Exception.Message -like '*(0xC03A000E)') }
say (Hyper-V\\Get-VM | ForEach-Object { '{0} {1}' -f $_.Name, $_.State })`,
    );
    expect(answers).toEqual(['OperationFailed NotSpecified', 'Unspecified NotSpecified', true, 'build Off']);
    expect(standIn.host.leftovers()).toEqual({ machines: ['build'], disks: [], sessions: 0 });
    writeFileSync(base, original);
    expect(
      await run('say (failure { Hyper-V\\Start-VM -Name build })\nHyper-V\\Stop-VM -Name build -TurnOff'),
    ).toEqual([null]);

    function dataWriteGuid(file: string): string {
      const layer = openLayer(file);
      layer.file.close();
      return layer.dataWriteGuid;
    }
  });

  test('say with their heartbeat when the guest is there, and shut down only then', async () => {
    const { guest } = standIn.host;
    guest.heartbeatAfterMs = Infinity;
    const answers = await run(
      `${machine()}
say ([string] (Hyper-V\\Get-VM -Id $vm.Id).Heartbeat)
Hyper-V\\Start-VM -VM $vm
say (Hyper-V\\Get-VM -Id $vm.Id).Heartbeat.ToString()
say (failure { Hyper-V\\Stop-VM -VM $vm })
pause
say (Hyper-V\\Get-VM -Id $vm.Id).Heartbeat.ToString()
say (Hyper-V\\Get-VMIntegrationService -VM $vm | Where-Object Id -like '*84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47').PrimaryOperationalStatus
Hyper-V\\Connect-VMNetworkAdapter -VMName build -SwitchName 'Default Switch'
say (Hyper-V\\Get-VMNetworkAdapter -VM $vm).IPAddresses[0]
Hyper-V\\Stop-VM -VM $vm
say (Hyper-V\\Get-VM -Id $vm.Id).State.ToString()`,
      () => (guest.heartbeatAfterMs = 0),
    );
    expect(answers).toEqual([
      '',
      'NoContact',
      'OperationFailed NotSpecified',
      'OkApplicationsHealthy',
      'Ok',
      '172.20.0.2',
      'Off',
    ]);
  });

  test('have devices and settings', async () => {
    const answers = await run(
      `${machine()}
say (failure { Hyper-V\\Add-VMHardDiskDrive -VM $vm -ControllerType IDE -Path ${lit('base.vhdx')} })
$null = Hyper-V\\New-VHD -Path ${lit('data.vhdx')} -SizeBytes 64MB
Hyper-V\\Add-VMHardDiskDrive -VM $vm -Path ${lit('data.vhdx')}
$drives = Hyper-V\\Get-VMHardDiskDrive -VM $vm
say @($drives | ForEach-Object ControllerLocation)
Hyper-V\\Set-VMFirmware -VM $vm -EnableSecureBoot Off -FirstBootDevice $drives[1]
say (Hyper-V\\Get-VMFirmware -VM $vm | ForEach-Object { $_.SecureBoot.ToString(); $_.BootOrder[0].Device.Path })
Hyper-V\\Remove-VMHardDiskDrive -VMHardDiskDrive $drives[1]
say (failure { Hyper-V\\Enable-VMTPM -VM $vm })
Hyper-V\\Set-VMKeyProtector -VM $vm -NewLocalKeyProtector
Hyper-V\\Enable-VMTPM -VM $vm
say (failure { Hyper-V\\Set-VMFirmware -VM $vm -SecureBootTemplate MicrosoftWindows })
Hyper-V\\Connect-VMNetworkAdapter -VMName build -SwitchName 'default switch'
say (Hyper-V\\Get-VMNetworkAdapter -VM $vm).SwitchName
Hyper-V\\Disconnect-VMNetworkAdapter -VMName build
say (Hyper-V\\Get-VMNetworkAdapter -VM $vm).Connected
say (failure { Hyper-V\\Connect-VMNetworkAdapter -VMName build -SwitchName none })
say (failure { Hyper-V\\Set-VMProcessor -VM $vm -Count 64 })
Hyper-V\\Set-VM -VM $vm -AutomaticCheckpointsEnabled $false -Notes mark -ProcessorCount 2
say (Hyper-V\\Get-VM -Id $vm.Id | ForEach-Object { '{0} {1} {2}' -f $_.AutomaticCheckpointsEnabled, $_.Notes, $_.ProcessorCount })`,
    );
    expect(answers).toEqual([
      'InvalidParameter InvalidArgument',
      [0, 1],
      ['Off', path.join(folder, 'data.vhdx')],
      'OperationFailed NotSpecified',
      'OperationFailed NotSpecified',
      'Default Switch',
      false,
      'InvalidParameter InvalidArgument',
      'InvalidParameter InvalidArgument',
      'False mark 2',
    ]);
  });

  test('keep running through a checkpoint that freezes their disk, and merge it again', async () => {
    const answers = await run(
      `${machine()}
Hyper-V\\Start-VM -VM $vm
${SESSION}
Invoke-Command -Session $session { Set-Content -LiteralPath C:\\before.txt -Value 1 }
Hyper-V\\Checkpoint-VM -VM $vm -SnapshotName layer
Invoke-Command -Session $session { Set-Content -LiteralPath C:\\after.txt -Value 2 }
$snapshot = Hyper-V\\Get-VMSnapshot -VM $vm
say ($snapshot.HardDrives[0].Path -eq ${lit('disk.vhdx')})
$now = (Hyper-V\\Get-VMHardDiskDrive -VM $vm).Path
say ($now -like '*.avhdx')
Copy-Item -LiteralPath ${lit('disk.vhdx')} -Destination ${lit('frozen.vhdx')}
Hyper-V\\Remove-VMSnapshot -VMSnapshot $snapshot
say (Test-Path -LiteralPath $now)
say (Hyper-V\\Get-VMHardDiskDrive -VM $vm).Path
Hyper-V\\Stop-VM -VM $vm
say $session.State.ToString()
Hyper-V\\Set-VM -VM $vm -CheckpointType Disabled
say (failure { Hyper-V\\Checkpoint-VM -VM $vm })`,
    );
    expect(answers).toEqual([true, true, false, path.join(folder, 'disk.vhdx'), 'Broken', INVALID_STATE]);
    expect(await filesOf('frozen.vhdx')).toEqual([true, false]);
    expect(await filesOf('disk.vhdx')).toEqual([true, true]);

    async function filesOf(name: string): Promise<boolean[]> {
      const disk = standIn.host.attachments.attach(path.join(folder, name), {
        readOnly: true,
        holder: 'test',
      });
      const mounted = await disk.mount(disk.systemPartition()!, path.join(folder, 'look'));
      const found = ['before.txt', 'after.txt'].map((file) => existsSync(path.join(mounted.folder, file)));
      await standIn.host.attachments.detach(disk);
      return found;
    }
  });

  test('are reached through PowerShell Direct with the right name and password, once the guest answers', async () => {
    const { guest } = standIn.host;
    guest.directAfterMs = Infinity;
    const answers = await run(
      `${machine()}
$credential = [pscredential]::new('Administrator', (ConvertTo-SecureString 'Passw0rd!' -AsPlainText -Force))
$wrong = [pscredential]::new('Administrator', (ConvertTo-SecureString 'password' -AsPlainText -Force))
say (failure { Microsoft.PowerShell.Core\\New-PSSession -VMName build -Credential $credential })
say (failure { Microsoft.PowerShell.Core\\New-PSSession -VMName other -Credential $credential })
Hyper-V\\Start-VM -VM $vm
say (failure { Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $credential })
pause
try { Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $wrong }
catch { say $_.Exception.GetType().Name }
$session = Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $credential
say "$(Microsoft.PowerShell.Core\\Invoke-Command -Session $session -ScriptBlock { (Test-Path -LiteralPath C:\\Windows\\System32), $env:COMPUTERNAME })"
Remove-PSSession -Session $session
say $session.State.ToString()`,
      () => (guest.directAfterMs = 0),
    );
    expect(answers).toEqual([
      'InvalidVMState InvalidArgument',
      'InvalidParameter InvalidArgument',
      'PSSessionOpenFailed OpenError',
      'PSDirectException',
      'True build',
      'Closed',
    ]);
    await vi.waitFor(() => expect(standIn.host.leftovers().sessions).toBe(0), {
      timeout: 60_000,
      interval: 10,
    });
  });

  test('run commands whose files land on their disk, with their exit codes and streams', async () => {
    const answers = await run(
      `${machine()}
Hyper-V\\Start-VM -VM $vm
${SESSION}
$folder = New-Item -ItemType Directory -Path ${lit('context')}
Set-Content -LiteralPath ${lit("context/it''s [1] é.txt")} -Value copied
Microsoft.PowerShell.Management\\Copy-Item -LiteralPath ${lit('context')} -Destination C:\\ -ToSession $session -Recurse
say (Invoke-Command -Session $session { Get-Content -LiteralPath "C:\\context\\it's [1] é.txt" })
say @(Invoke-Command -Session $session { Set-Location C:\\context; & cmd.exe /S /C 'echo one > a.txt && type a.txt && exit 3'; "$LASTEXITCODE" })
say @(Invoke-Command -Session $session { & cmd.exe /S /C 'nosuchprogram' 2>$null; "$LASTEXITCODE" })
say @(Invoke-Command -Session $session { & powershell.exe -NoProfile -Command 'Set-Content C:\\context\\b.txt b; exit 5'; "$LASTEXITCODE" })
say @(Invoke-Command -Session $session { (Get-ChildItem -LiteralPath C:\\context).Name | Sort-Object })
Microsoft.PowerShell.Management\\Copy-Item -FromSession $session -Path C:\\context\\b.txt -Destination ${lit('b.txt')}
Hyper-V\\Stop-VM -VM $vm`,
    );
    expect(answers).toEqual(['copied', ['one ', '3'], ['1'], ['5'], ['a.txt', 'b.txt', "it's [1] é.txt"]]);
    expect(readFileSync(path.join(folder, 'b.txt'), 'utf8')).toBe('b\n');
  });

  test('lose their sessions in the middle of a command when they end or the connection breaks', async () => {
    const script = `${machine()}
Hyper-V\\Start-VM -VM $vm
${SESSION}
say ready
say (failure { Invoke-Command -Session $session { Set-Content -LiteralPath C:\\begun.txt -Value begun; Start-Sleep -Seconds 600 } })
say $session.State.ToString()`;
    const [answers] = await Promise.all([run(script), breakInTheMiddle()]);
    expect(answers[0]).toBe('ready');
    expect(answers[1]).not.toBeNull();
    expect(answers[2]).toBe('Broken');

    async function breakInTheMiddle(): Promise<void> {
      const roots = () => [...standIn.host.machines.values()].flatMap(({ running }) => running?.root ?? []);
      const hasBegun = () => roots().some((root) => existsSync(path.join(root, 'begun.txt')));
      await vi.waitUntil(hasBegun, { timeout: 90_000 });
      await standIn.host.guests.endSessions();
    }
  });

  test('restart when the guest says so', async () => {
    const answers = await run(
      `${machine()}
Hyper-V\\Start-VM -VM $vm
${SESSION}
# The answer may still come, or be lost with the guest.
$null = failure { Invoke-Command -Session $session { Set-Content -LiteralPath C:\\kept.txt -Value kept; & shutdown.exe /r /t 0 } }
while ($session.State -eq 'Opened') { Start-Sleep -Milliseconds 50 }
while ((failure { $null = Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $credential })) { Start-Sleep -Milliseconds 200 }
$again = Microsoft.PowerShell.Core\\New-PSSession -VMId $vm.Id -Credential $credential
say (Invoke-Command -Session $again { Get-Content -LiteralPath C:\\kept.txt })
Hyper-V\\Stop-VM -VM $vm -TurnOff`,
    );
    expect(answers).toEqual(['kept']);
  });

  test('are gone with their sessions and mounts after a power failure, and their disks are whole', async () => {
    await run(
      `${machine()}
Hyper-V\\Start-VM -VM $vm
${SESSION}
Invoke-Command -Session $session { Set-Content -LiteralPath C:\\kept.txt -Value kept }
$null = Hyper-V\\New-VHD -Path ${lit('b.vhdx')} -ParentPath ${lit('base.vhdx')}
Hyper-V\\Mount-VHD -Path ${lit('b.vhdx')}`,
    );
    await standIn.host.restart();
    const answers = await run(
      `say (Hyper-V\\Get-VM -Name build).State.ToString()
say @(Storage\\Get-Disk).Count
say (Hyper-V\\Test-VHD -Path ${lit('disk.vhdx')}, ${lit('b.vhdx')})`,
    );
    expect(answers).toEqual(['Off', 1, [true, true]]);
    expect(standIn.host.leftovers()).toEqual({ machines: ['build'], disks: [], sessions: 0 });
  });

  test.each<Language>(['en', 'de', 'ja'])('fail alike in every language (%s)', async (language) => {
    standIn.host.language = language;
    const [rights] = await (async () => {
      standIn.host.faults.accessDenied = true;
      const answer = await run(`say (failure { Hyper-V\\Get-VMHost })`);
      standIn.host.faults.accessDenied = false;
      return answer;
    })();
    const [identifier, text, names] = await run<string>(
      `try { Hyper-V\\Get-VM -Name none } catch { say $_.FullyQualifiedErrorId; say $_.Exception.Message }
${machine()}
say (Hyper-V\\Get-VMIntegrationService -VM $vm | Where-Object Id -like '*9F8233AC-BE49-4C79-8EE3-E7E1985B2077').Name`,
    );
    expect(rights).toBe('AccessDenied PermissionDenied');
    expect(identifier).toBe('InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM');
    expect([text, names]).toMatchObject(
      {
        en: ['Hyper-V was unable to find a virtual machine with name "none".', 'Shutdown'],
        de: ['Von Hyper-V wurde kein virtueller Computer mit dem Namen "none" gefunden.', 'Herunterfahren'],
        ja: ['名前が "none" の仮想マシンが見つかりませんでした。', 'シャットダウン'],
      }[language],
    );
  });

  test('refuse what the contract does not say, instead of guessing', async () => {
    const answers = await run(
      `${machine()}
say (failure { Hyper-V\\Get-VM -ComputerName other })
say (failure { Hyper-V\\Export-VM -VM $vm -Path ${lit('export')} })
say (failure { Hyper-V\\New-VHD -Path ${lit('old.vhd')} -SizeBytes 64MB })
say (failure { Storage\\Clear-Disk -Number 1 -RemoveData -Confirm:$false })`,
    );
    expect(answers).toEqual([NOT_IN_CONTRACT, NOT_IN_CONTRACT, NOT_IN_CONTRACT, NOT_IN_CONTRACT]);
  });

  test('fail once where a test wants it, and every call is counted', async () => {
    standIn.host.faults.failNext.set('Start-VM', 'operationFailed');
    const answers = await run(
      `${machine()}
say (failure { Hyper-V\\Start-VM -VM $vm })
say (failure { Hyper-V\\Start-VM -VM $vm })
Hyper-V\\Stop-VM -VM $vm -TurnOff`,
    );
    expect(answers).toEqual(['OperationFailed NotSpecified', null]);
    expect(standIn.host.calls).toEqual(['New-VHD', 'New-VM', 'Start-VM', 'Start-VM', 'Stop-VM']);
  });
});
