/** Get-VHD, New-VHD, Mount-VHD and the others: on real files. */
import { existsSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { copyDisk } from '../../../../../src/disk/copy.ts';
import { openChain } from '../../../../../src/vhdx/chain.ts';
import { createChild, createFixed, createVhdx } from '../../../../../src/vhdx/create.ts';
import { openForChange } from '../../../../../src/vhdx/edit/open.ts';
import { compact } from '../../../../../src/vhdx/operations/compact.ts';
import { rebase } from '../../../../../src/vhdx/operations/rebase.ts';
import { resizeDisk } from '../../../../../src/vhdx/operations/resize.ts';
import { createDisk } from '../../../../../src/vhdx/sandbox.ts';
import type { Call, Handlers, Output } from './call.ts';
import { asWindows, readChain } from './disk-files.ts';
import { invalidValue, notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';

const MIB = 1024 ** 2;
/** New-VHD's own, for a dynamic disk and for a difference. */
const DEFAULT_BLOCK_BYTES = { dynamic: 32 * MIB, differencing: 2 * MIB };

export function vhdHandlers(host: Host): Handlers {
  return {
    'Get-VHD': (call) => getVhd(host, call),
    'Test-VHD': (call) => testVhd(host, call),
    'New-VHD': (call) => newVhd(host, call),
    'Mount-VHD': (call) => mountVhd(host, call),
    'Dismount-VHD': (call) => dismountVhd(host, call),
    'Set-VHD': (call) => setVhd(host, call),
    'Resize-VHD': (call) => resizeVhd(host, call),
    'Optimize-VHD': (call) => optimizeVhd(host, call),
    'Convert-VHD': (call) => convertVhd(host, call),
  };
}

/** A disk as VirtualHardDisk describes it. */
export function describeVhd(host: Host, filePath: string): Output {
  if (!filePath.toLowerCase().endsWith('.vhdx') && !filePath.toLowerCase().endsWith('.avhdx'))
    throw notInContract(`${filePath}: only VHDX`);
  const { layers } = readChain(filePath, host.faults);
  const [{ metadata, geometry }, parent] = layers;
  const disk = host.attachments.find(filePath);
  const number = disk && host.storage.numberOf(disk);
  return {
    $type: 'VirtualHardDisk',
    ComputerName: host.name,
    Path: filePath,
    VhdFormat: 'VHDX',
    VhdType: metadata.hasParent ? 'Differencing' : metadata.leaveBlocksAllocated ? 'Fixed' : 'Dynamic',
    FileSize: statSync(filePath).size,
    Size: geometry.sizeBytes,
    MinimumSize: null,
    LogicalSectorSize: metadata.logicalSectorBytes,
    PhysicalSectorSize: metadata.physicalSectorBytes,
    BlockSize: metadata.leaveBlocksAllocated ? 0 : metadata.blockBytes,
    ParentPath: parent?.path ?? '',
    DiskIdentifier: metadata.virtualDiskId.toUpperCase(),
    FragmentationPercentage: null,
    Alignment: 1,
    Attached: disk !== undefined,
    DiskNumber: number ?? null,
    Number: number ?? null,
  };
}

async function getVhd(host: Host, call: Call): Promise<void> {
  if (call.set === 'VMId') {
    await call.each(call.list('VMId'), (id) => {
      for (const { path } of host.machineById(id).drives) call.output(describeVhd(host, path));
    });
    return;
  }
  const paths =
    call.set === 'Disk' ? [host.storage.byNumber(call.number('DiskNumber')!).path] : call.paths('Path');
  await call.each(paths, (file) => {
    if (host.faults.locked.has(file)) host.attachments.refuseInUse(file, 'read');
    call.output(describeVhd(host, file));
  });
}

/** Writes true, or the error that makes the disk unusable. */
async function testVhd(host: Host, call: Call): Promise<void> {
  if (call.set !== 'ExistingVHD') throw notInContract('Test-VHD of a shared disk');
  await call.each(call.paths('Path'), (file) => {
    readChain(file, host.faults);
    call.output(true);
  });
}

async function newVhd(host: Host, call: Call): Promise<void> {
  const parent = call.text('ParentPath');
  const sizeBytes = call.number('SizeBytes');
  const [logical, physical] = [call.number('LogicalSectorSizeBytes'), call.number('PhysicalSectorSizeBytes')];
  const block = call.number('BlockSizeBytes');
  // Which set it is says more than these.
  for (const flag of ['Dynamic', 'Fixed', 'Differencing']) call.flag(flag);
  if (call.set.endsWith('WithSource')) throw notInContract('New-VHD -SourceDisk');
  const sectors = {
    ...(logical !== undefined && { logicalSectorBytes: logical }),
    ...(physical !== undefined && { physicalSectorBytes: physical }),
  };
  await call.each(call.paths('Path'), (file) => {
    if (!/\.vhdx$/i.test(file)) throw notInContract(`${file}: only VHDX`);
    if (existsSync(file)) throw new StandInError('operationFailed', 'fileExists', [file]);
    try {
      if (parent !== undefined) {
        const parentPath = call.path(parent);
        readChain(parentPath, host.faults);
        host.attachments.refuseInUse(parentPath, 'read');
        createChild(file, parentPath, {
          blockBytes: block ?? DEFAULT_BLOCK_BYTES.differencing,
          ...(sizeBytes !== undefined && { sizeBytes }),
        });
      } else {
        const options = {
          ...sectors,
          sizeBytes: checkedSize(sizeBytes, logical ?? 512),
          blockBytes: block ?? DEFAULT_BLOCK_BYTES.dynamic,
        };
        if (call.set === 'FixedWithoutSource') Array.from(createFixed(file, options));
        else createVhdx(file, options);
      }
    } catch (error) {
      throw asWindows(error, file);
    }
    call.output(describeVhd(host, file));
  });
}

/** PowerShell/PowerShell 25761: a size that is no multiple of the sector is refused. */
function checkedSize(sizeBytes: number | undefined, sectorBytes: number): number {
  if (sizeBytes === undefined || sizeBytes < 3 * MIB || sizeBytes % sectorBytes !== 0)
    throw invalidValue(`SizeBytes ${sizeBytes}`);
  return sizeBytes;
}

async function mountVhd(host: Host, call: Call): Promise<void> {
  const readOnly = call.flag('ReadOnly') ?? false;
  const withLetters = !(call.flag('NoDriveLetter') ?? false);
  const passthru = call.flag('Passthru') ?? false;
  if (call.get('SnapshotId') !== undefined) throw notInContract('Mount-VHD -SnapshotId');
  await call.each(call.paths('Path'), (file) => {
    const disk = host.attachments.attach(file, { readOnly, holder: 'host' });
    host.storage.add(disk, { withLetters });
    if (passthru) call.output(describeVhd(host, file));
  });
}

async function dismountVhd(host: Host, call: Call): Promise<void> {
  const passthru = call.flag('Passthru') ?? false;
  if (call.get('SnapshotId') !== undefined) throw notInContract('Dismount-VHD -SnapshotId');
  const paths =
    call.set === 'Disk' ? [host.storage.byNumber(call.number('DiskNumber')!).path] : call.paths('Path');
  await call.each(paths, async (file) => {
    const disk = host.attachments.find(file);
    if (!existsSync(file)) throw new StandInError('invalidParameter', 'noDisk', [file]);
    if (disk === undefined || disk.holder !== 'host')
      throw new StandInError('invalidParameter', 'notFound', [file]);
    host.storage.remove(disk);
    await host.attachments.detach(disk);
    if (passthru) call.output(describeVhd(host, file));
  });
}

function setVhd(host: Host, call: Call): void {
  if (call.set !== 'Parent') throw notInContract(`Set-VHD, parameter set ${call.set}`);
  const [file, parent] = [call.path(call.text('Path')!), call.path(call.text('ParentPath')!)];
  if (call.text('LeafPath') !== undefined) throw notInContract('Set-VHD -LeafPath');
  const ignoreMismatch = call.flag('IgnoreIdMismatch') ?? false;
  const passthru = call.flag('Passthru') ?? false;
  if (!existsSync(file)) throw new StandInError('invalidParameter', 'noDisk', [file]);
  readChain(parent, host.faults);
  host.attachments.refuseInUse(file, 'write');
  try {
    rebase(file, parent, { ignoreMismatch });
  } catch (error) {
    throw asWindows(error, file);
  }
  if (passthru) call.output(describeVhd(host, file));
}

async function resizeVhd(host: Host, call: Call): Promise<void> {
  if (call.set !== 'Size') throw notInContract('Resize-VHD -ToMinimumSize');
  const sizeBytes = checkedSize(call.number('SizeBytes'), 512);
  const passthru = call.flag('Passthru') ?? false;
  await call.each(call.paths('Path'), (file) => {
    readChain(file, host.faults);
    host.attachments.refuseInUse(file, 'write');
    try {
      Array.from(resizeDisk(file, sizeBytes));
    } catch (error) {
      throw asWindows(error, file);
    }
    if (passthru) call.output(describeVhd(host, file));
  });
}

/** The documentation: the disk is not attached, or attached read-only. */
async function optimizeVhd(host: Host, call: Call): Promise<void> {
  call.text('Mode');
  const passthru = call.flag('Passthru') ?? false;
  await call.each(call.paths('Path'), (file) => {
    readChain(file, host.faults);
    if (host.attachments.find(file)?.readOnly !== true) host.attachments.refuseInUse(file, 'write');
    const disk = openForChange(file);
    try {
      Array.from(compact(disk));
    } finally {
      disk.close();
    }
    if (passthru) call.output(describeVhd(host, file));
  });
}

function convertVhd(host: Host, call: Call): void {
  const [file, target] = [call.path(call.text('Path')!), call.path(call.text('DestinationPath')!)];
  const [type, block] = [call.text('VHDType') ?? 'Dynamic', call.number('BlockSizeBytes')];
  const isDeleted = call.flag('DeleteSource') ?? false;
  const passthru = call.flag('Passthru') ?? false;
  if (
    type !== 'Dynamic' ||
    call.text('ParentPath') !== undefined ||
    path.extname(target).toLowerCase() !== '.vhdx'
  )
    throw notInContract(`Convert-VHD to ${type}, ${target}`);
  if (existsSync(target)) throw new StandInError('operationFailed', 'fileExists', [target]);
  const { sizeBytes, layers } = readChain(file, host.faults);
  for (const layer of layers) host.attachments.refuseInUse(layer.path, 'read');
  const source = openChain(file);
  const made = createDisk(target, { sizeBytes, ...(block !== undefined && { blockBytes: block }) });
  try {
    Array.from(copyDisk(source, made));
    made.seal();
  } finally {
    made.close();
    source.close();
  }
  if (isDeleted) rmSync(file);
  if (passthru) call.output(describeVhd(host, target));
}
