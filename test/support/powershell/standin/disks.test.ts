/** The stand-in's disk cmdlets work on real files, and refuse what Hyper-V refuses. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openLayer } from '../../../../src/vhdx/layer.ts';
import { describeWith } from '../../needs.ts';
import { runScript } from '../run-script.ts';
import { startStandIn, STANDIN_NEEDS, type StandIn } from './standin.ts';
import { makeWindowsDisk } from './windows-disk.ts';

describeWith(STANDIN_NEEDS, "the stand-in's disks", () => {
  let bases: string;
  let standIn: StandIn;
  let folder: string;

  beforeAll(async () => {
    bases = mkdtempSync(path.join(os.tmpdir(), 'standin-base-'));
    await makeWindowsDisk(path.join(bases, 'windows.vhdx'), { files: { 'app/hello.txt': 'hello' } });
    await makeWindowsDisk(path.join(bases, 'linux.vhdx'), { fileSystem: 'ext4' });
  });
  afterAll(() => rmSync(bases, { recursive: true }));
  beforeEach(async () => {
    standIn = await startStandIn();
    folder = mkdtempSync(path.join(os.tmpdir(), "standin [1] it's $x "));
    copyFileSync(path.join(bases, 'windows.vhdx'), at('base.vhdx'));
  });
  afterEach(async () => {
    await standIn.stop();
    rmSync(folder, { recursive: true });
  });

  const at = (name: string): string => path.join(folder, name);
  /** A path as a literal of PowerShell. */
  const lit = (name: string): string => `'${at(name).replaceAll("'", "''")}'`;
  const run = <T = unknown>(script: string, onPause?: () => void): Promise<T[]> =>
    runScript<T>(standIn, script, onPause);

  test('are made, described and tested with what is really in the files', async () => {
    const [made, child, good] = await run<Record<string, unknown>>(
      `say (Hyper-V\\New-VHD -Path ${lit('new.vhdx')} -SizeBytes 64MB -Dynamic -BlockSizeBytes 1MB)
say (Hyper-V\\New-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('base.vhdx')} -Differencing -BlockSizeBytes 1MB)
say (Hyper-V\\Test-VHD -Path ${lit('child.vhdx')})`,
    );
    expect(made).toMatchObject({
      Size: 64 * 1024 ** 2,
      BlockSize: 1024 ** 2,
      VhdType: 'Dynamic',
      VhdFormat: 'VHDX',
      Attached: false,
      ParentPath: '',
    });
    expect(child).toMatchObject({
      Path: at('child.vhdx'),
      VhdType: 'Differencing',
      ParentPath: at('base.vhdx'),
      DiskNumber: null,
    });
    expect(good).toBe(true);
    const layer = openLayer(at('child.vhdx'));
    layer.file.close();
    expect(layer.locator?.linkage).toContain(dataWriteGuid('base.vhdx'));
  });

  test('are not made over a file, without a parent, or of half a sector', async () => {
    const answers = await run(
      `say (failure { Hyper-V\\New-VHD -Path ${lit('base.vhdx')} -SizeBytes 64MB })
say (failure { Hyper-V\\New-VHD -Path ${lit('new.vhdx')} -ParentPath ${lit('absent.vhdx')} })
say (failure { Hyper-V\\New-VHD -Path ${lit('new.vhdx')} -SizeBytes 64000001 })
say (failure { Hyper-V\\Get-VHD -Path ${lit('absent.vhdx')} })
say (Test-Path -LiteralPath ${lit('new.vhdx')})`,
    );
    expect(answers).toEqual([
      'OperationFailed NotSpecified',
      'InvalidParameter InvalidArgument',
      'InvalidParameter InvalidArgument',
      'InvalidParameter InvalidArgument',
      false,
    ]);
  });

  test('whose parent has changed are refused, until they are told to take it', async () => {
    await run(`$null = Hyper-V\\New-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('base.vhdx')}`);
    copyFileSync(at('base.vhdx'), at('other.vhdx'));
    await changeFile('other.vhdx', 'app/more.txt');
    const answers = await run(
      `say (failure { Hyper-V\\Set-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('other.vhdx')} })
Hyper-V\\Set-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('other.vhdx')} -IgnoreIdMismatch
say (Hyper-V\\Get-VHD -Path ${lit('child.vhdx')}).ParentPath
Remove-Item -LiteralPath ${lit('other.vhdx')}
say (failure { Hyper-V\\Test-VHD -Path ${lit('child.vhdx')} })`,
    );
    expect(answers).toEqual([
      'OperationFailed NotSpecified',
      at('other.vhdx'),
      'OperationFailed NotSpecified',
    ]);
  });

  test('whose parent was written to after they were made are not mounted, and their files stay as they are', async () => {
    mkdirSync(at('mnt'));
    await run(`$null = Hyper-V\\New-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('base.vhdx')}`);
    const [before, child] = [dataWriteGuid('base.vhdx'), readFileSync(at('child.vhdx'))];
    const answers = await run(
      `Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} -NoDriveLetter -Passthru | Storage\\Get-Disk | Storage\\Get-Partition |
  Where-Object Type -eq Basic | Storage\\Add-PartitionAccessPath -AccessPath ${lit('mnt')}
Set-Content -LiteralPath ${lit('mnt/more.txt')} -Value more
Hyper-V\\Dismount-VHD -Path ${lit('base.vhdx')}
say (failure { Hyper-V\\Mount-VHD -Path ${lit('child.vhdx')} -NoDriveLetter })
say (failure { Hyper-V\\Mount-VHD -Path ${lit('child.vhdx')} -NoDriveLetter -ReadOnly })
try { Hyper-V\\Mount-VHD -Path ${lit('child.vhdx')} } catch { say ($_.Exception.Message -like '*(0xC03A000E)') }
say @(Storage\\Get-Disk).Count`,
    );
    expect(dataWriteGuid('base.vhdx')).not.toBe(before);
    const refused = 'OperationFailed NotSpecified';
    expect(answers).toEqual([refused, refused, true, 1]);
    expect(standIn.host.leftovers().disks).toEqual([]);
    expect(readFileSync(at('child.vhdx')).equals(child)).toBe(true);
  });

  test('are mounted on a folder, changed there, and hold the change afterwards', async () => {
    mkdirSync(at('mnt'));
    const before = dataWriteGuid('base.vhdx');
    const [disk, types, paths, found, refused] = await run<unknown>(
      `$null = Hyper-V\\New-VHD -Path ${lit('child.vhdx')} -ParentPath ${lit('base.vhdx')} -BlockSizeBytes 1MB
$disk = Hyper-V\\Mount-VHD -Path ${lit('child.vhdx')} -NoDriveLetter -Passthru | Storage\\Get-Disk
say ($disk | Select-Object -Property Number, PartitionStyle, IsReadOnly, NumberOfPartitions)
$parts = Storage\\Get-Partition -DiskNumber $disk.Number
say @($parts | ForEach-Object GptType)
$system = $parts | Where-Object GptType -eq '{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}'
$system | Storage\\Add-PartitionAccessPath -AccessPath ${lit('mnt')}
say @(($system | Storage\\Get-Partition).AccessPaths | Where-Object { $_ -notlike '\\\\?\\*' })
say @((Get-Content -LiteralPath ${lit('mnt/APP/HELLO.TXT')}), (($system | Storage\\Get-Volume).FileSystem))
Set-Content -LiteralPath ${lit('mnt/app/new.txt')} -Value changed
say (failure { Set-Content -LiteralPath ${lit('mnt/app/aux.txt')} -Value reserved })
$system | Storage\\Remove-PartitionAccessPath -AccessPath ${lit('mnt')}
Hyper-V\\Dismount-VHD -Path ${lit('child.vhdx')}`,
    );
    expect(disk).toEqual({ Number: 1, PartitionStyle: 'GPT', IsReadOnly: false, NumberOfPartitions: 3 });
    expect(types).toEqual([
      '{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}',
      '{e3c9e316-0b5c-4db8-817d-f92df00215ae}',
      '{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}',
    ]);
    expect(paths).toEqual([at('mnt') + path.sep]);
    expect(found).toEqual(['hello', 'NTFS']);
    expect(refused).toContain('GetContentWriterIOError');
    expect(dataWriteGuid('base.vhdx')).toBe(before);
    expect(await readBack('child.vhdx', 'app/new.txt')).toBe('changed\n');
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
  });

  test('have one writer, and readers only while nobody writes', async () => {
    const answers = await run(
      `foreach ($name in ${lit('a.vhdx')}, ${lit('b.vhdx')}) { $null = Hyper-V\\New-VHD -Path $name -ParentPath ${lit('base.vhdx')} }
Hyper-V\\Mount-VHD -Path ${lit('a.vhdx')} -NoDriveLetter
say (failure { Hyper-V\\Mount-VHD -Path ${lit('a.vhdx')} })
say (failure { Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} })
say (failure { Hyper-V\\Mount-VHD -Path ${lit('b.vhdx')} -NoDriveLetter })
say (failure { Hyper-V\\Resize-VHD -Path ${lit('a.vhdx')} -SizeBytes 128MB })
say (Hyper-V\\Get-VHD -Path ${lit('a.vhdx')}).Attached
Hyper-V\\Dismount-VHD -Path ${lit('a.vhdx')}
Hyper-V\\Dismount-VHD -Path ${lit('b.vhdx')}
say (failure { Hyper-V\\Dismount-VHD -Path ${lit('b.vhdx')} })
Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} -NoDriveLetter
say (failure { Hyper-V\\New-VHD -Path ${lit('c.vhdx')} -ParentPath ${lit('base.vhdx')} })
Hyper-V\\Dismount-VHD -Path ${lit('base.vhdx')}`,
    );
    const inUse = 'ObjectInUse ResourceBusy';
    expect(answers).toEqual([inUse, inUse, null, inUse, true, 'InvalidParameter InvalidArgument', inUse]);
  });

  test('are read-only where they are mounted so', async () => {
    mkdirSync(at('mnt'));
    const before = readFileSync(at('base.vhdx'));
    const [refused] = await run(
      `Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} -NoDriveLetter -ReadOnly -Passthru | Storage\\Get-Disk | Storage\\Get-Partition |
  Where-Object Type -eq Basic | Storage\\Add-PartitionAccessPath -AccessPath ${lit('mnt')}
say (failure { Set-Content -LiteralPath ${lit('mnt/x.txt')} -Value x })
Hyper-V\\Dismount-VHD -Path ${lit('base.vhdx')}`,
    );
    expect(refused).toContain('GetContentWriterIOError');
    expect(readFileSync(at('base.vhdx')).equals(before)).toBe(true);
  });

  test('that Windows cannot read have no volume to show', async () => {
    copyFileSync(path.join(bases, 'linux.vhdx'), at('linux.vhdx'));
    mkdirSync(at('mnt'));
    const [volumes, refused] = await run(
      `$parts = Hyper-V\\Mount-VHD -Path ${lit('linux.vhdx')} -NoDriveLetter -Passthru | Storage\\Get-Disk | Storage\\Get-Partition
$system = $parts | Sort-Object -Property Size | Select-Object -Last 1
say @($system | Storage\\Get-Volume | ForEach-Object FileSystemType)
say (failure { $system | Storage\\Add-PartitionAccessPath -AccessPath ${lit('mnt')} })
Hyper-V\\Dismount-VHD -Path ${lit('linux.vhdx')}`,
    );
    expect(volumes).toEqual(['Unknown']);
    expect(refused).toBe('StorageWMI 4097 NotSpecified');
  });

  test('appear with their volumes only after a while, when the host is slow', async () => {
    const { faults } = standIn.host;
    faults.volumesAppearAfterMs = Infinity;
    const [early, late] = await run(
      `$disk = Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} -NoDriveLetter -Passthru
say (failure { Storage\\Get-Partition -DiskNumber $disk.DiskNumber })
pause
say @(Storage\\Get-Partition -DiskNumber $disk.DiskNumber).Count
Hyper-V\\Dismount-VHD -Path ${lit('base.vhdx')}`,
      () => (faults.volumesAppearAfterMs = 0),
    );
    expect(early).toBe('CmdletizationQuery_NotFound_DiskNumber ObjectNotFound');
    expect(late).toBe(3);
  });

  test('that are compressed, sparse or locked are refused by name', async () => {
    copyFileSync(at('base.vhdx'), at('locked.vhdx'));
    standIn.host.faults.compressedOrSparse.add(at('base.vhdx'));
    standIn.host.faults.locked.add(at('locked.vhdx'));
    const answers = await run(
      `say (failure { Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} })
try { Hyper-V\\Test-VHD -Path ${lit('base.vhdx')} } catch { say ($_.Exception.Message -like '*0xC03A001A*') }
say (failure { Hyper-V\\Get-VHD -Path ${lit('locked.vhdx')} })`,
    );
    expect(answers).toEqual(['OperationFailed NotSpecified', true, 'ObjectInUse ResourceBusy']);
  });

  test('that were changed behind the back of Hyper-V fail the test that did it', async () => {
    const other = await startStandIn();
    await runScript(other, `Hyper-V\\Mount-VHD -Path ${lit('base.vhdx')} -NoDriveLetter`);
    writeFileSync(at('base.vhdx'), 'gone');
    await expect(other.stop()).rejects.toThrow(/changed, moved or removed while Hyper-V had it open/);
    expect(existsSync(other.host.folder)).toBe(false);
  });

  test('are initialized, partitioned and formatted', async () => {
    mkdirSync(at('mnt'));
    const [efi, text] = await run(
      `$disk = Hyper-V\\New-VHD -Path ${lit('new.vhdx')} -SizeBytes 128MB -Dynamic -BlockSizeBytes 1MB | Hyper-V\\Mount-VHD -NoDriveLetter -Passthru |
  Storage\\Get-Disk
$disk | Storage\\Initialize-Disk -PartitionStyle GPT
$efi = $disk | Storage\\New-Partition -Size 40MB -GptType '{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}'
say $efi.Type
$volume = Storage\\New-Partition -DiskNumber $disk.Number -UseMaximumSize
$null = $volume | Storage\\Format-Volume -FileSystem NTFS -NewFileSystemLabel Windows
$volume | Storage\\Add-PartitionAccessPath -AccessPath ${lit('mnt')}
Set-Content -LiteralPath ${lit('mnt/a.txt')} -Value a
Hyper-V\\Dismount-VHD -Path ${lit('new.vhdx')}
say (failure { Storage\\Get-Disk -Number $disk.Number })`,
    );
    expect([efi, text]).toEqual(['System', 'CmdletizationQuery_NotFound_Number ObjectNotFound']);
    expect(await readBack('new.vhdx', 'a.txt')).toBe('a\n');
  });

  function dataWriteGuid(name: string): string {
    const layer = openLayer(at(name));
    layer.file.close();
    return layer.dataWriteGuid;
  }

  /** Reads a file of a disk's system volume with other eyes than the cmdlets'. */
  async function readBack(name: string, file: string): Promise<string> {
    const disk = standIn.host.attachments.attach(at(name), { readOnly: true, holder: 'test' });
    const mounted = await disk.mount(disk.systemPartition()!, at('read-back'));
    const text = readFileSync(path.join(mounted.folder, file), 'utf8');
    await standIn.host.attachments.detach(disk);
    return text;
  }

  async function changeFile(name: string, file: string): Promise<void> {
    const disk = standIn.host.attachments.attach(at(name), { readOnly: false, holder: 'test' });
    const mounted = await disk.mount(disk.systemPartition()!, at('change'));
    writeFileSync(path.join(mounted.folder, file), 'x');
    await standIn.host.attachments.detach(disk);
  }
});
