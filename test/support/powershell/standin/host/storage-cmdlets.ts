/** Get-Disk, Get-Partition, Add-PartitionAccessPath and the others of the Storage module that the stand-in knows. */
import { randomGuid } from '../../../../../src/bytes/guid.ts';
import { PARTITION_TYPE } from '../../../../../src/gpt/format.ts';
import { writeGpt, type NewPartition } from '../../../../../src/gpt/write.ts';
import { runTool } from '../../../../../src/base/process.ts';
import type { Call, Handlers, TypedObject } from './call.ts';
import { NoSuchObject, notInContract } from './errors.ts';
import type { Host } from './host.ts';
import { describeMediumVolume } from './media.ts';
import { attachLoop, detachLoop } from './loop.ts';
import {
  describeDisk,
  describePartition,
  describeVolume,
  failed,
  HOST_DISK,
  isVolume,
  largestFree,
  type ShownDisk,
  type ShownPartition,
} from './storage.ts';

const MIB = 1024 ** 2;
/** Windows' own partition of a new GPT disk. */
const RESERVED = {
  offset: MIB,
  length: 15 * MIB,
  type: PARTITION_TYPE.microsoftReserved,
  name: 'Microsoft reserved partition',
};

export function storageHandlers(host: Host): Handlers {
  return {
    'Get-Disk': (call) => getDisk(host, call),
    'Get-Partition': (call) => getPartition(host, call),
    'Get-Volume': (call) => getVolume(host, call),
    'Add-PartitionAccessPath': (call) => changeFolder(host, call, 'add'),
    'Remove-PartitionAccessPath': (call) => changeFolder(host, call, 'remove'),
    'Set-Disk': (call) => setDisk(host, call),
    'Set-Partition': (call) => setPartition(host, call),
    'Initialize-Disk': (call) => initializeDisk(host, call),
    'New-Partition': (call) => newPartition(host, call),
    'Format-Volume': (call) => formatVolume(host, call),
    'Update-HostStorageCache': () => undefined,
  };
}

async function getDisk(host: Host, call: Call): Promise<void> {
  const from = call.get('Partition') as TypedObject | undefined;
  const numbers = from === undefined ? call.list<number>('Number') : [from.DiskNumber as number];
  const all = host.storage.disks();
  if (call.set !== 'ByNumber' && call.set !== 'ByPartition') return getDiskBy(host, call);
  if (numbers.length === 0) for (const shown of [HOST_DISK, ...all.map(describeDisk)]) call.output(shown);
  await call.each(numbers, (number) =>
    call.output((number === 0 ? HOST_DISK : describeDisk(host.storage.shownByNumber(number))) as never),
  );
}

async function getDiskBy(host: Host, call: Call): Promise<void> {
  const property = { ByUniqueId: 'UniqueId', ByPath: 'Path' }[call.set];
  if (property === undefined) throw notInContract(`Get-Disk, parameter set ${call.set}`);
  await call.each(call.list(property), (wanted) => {
    const found = host.storage
      .disks()
      .map(describeDisk)
      .filter((disk) => disk[property] === wanted);
    if (found.length === 0) throw new NoSuchObject('MSFT_Disk', property, wanted);
    for (const disk of found) call.output(disk);
  });
}

async function getPartition(host: Host, call: Call): Promise<void> {
  const all = host.storage.partitions();
  const write = (found: readonly ShownPartition[]): void =>
    found.forEach((one) => call.output(describePartition(one)));
  if (call.set === 'ByDisk') {
    const { DiskNumber } = call.get('Disk') as TypedObject;
    return write(all.filter(({ shown }) => shown.number === DiskNumber));
  }
  if (call.set === 'ByVolume') {
    const { UniqueId } = call.get('Volume') as TypedObject;
    return write(all.filter((one) => describeVolume(one).UniqueId === UniqueId));
  }
  if (call.set === 'ByNumber') {
    const numbers = call.list<number>('PartitionNumber');
    return call.each(call.list<number>('DiskNumber'), (disk) => {
      const found = all.filter(
        ({ shown, partition }) =>
          shown.number === disk && (numbers.length === 0 || numbers.includes(partition.number)),
      );
      if (found.length === 0) {
        const isDisk = numbers.length === 0;
        throw new NoSuchObject(
          'MSFT_Partition',
          isDisk ? 'DiskNumber' : 'PartitionNumber',
          String(isDisk ? disk : numbers),
        );
      }
      write(found);
    });
  }
  if (call.set !== 'ByUniqueId') throw notInContract(`Get-Partition, parameter set ${call.set}`);
  const ids = call.list('UniqueId');
  write(all.filter((one) => ids.length === 0 || ids.includes(describePartition(one).UniqueId as string)));
}

function getVolume(host: Host, call: Call): void {
  const all = host.storage.partitions().filter(isVolume);
  const write = (found: readonly ShownPartition[]): void =>
    found.forEach((one) => call.output(describeVolume(one)));
  const from = call.get('Partition') as TypedObject | undefined;
  if (call.set === 'ByPartition' && from !== undefined)
    return write(all.filter((one) => describePartition(one).UniqueId === from.UniqueId));
  if (call.set === 'ByDiskImage')
    return call.output(describeMediumVolume(host.media, call.get('DiskImage') as TypedObject));
  const property = { ByUniqueId: 'UniqueId', ByPaths: 'Path', ByDriveLetter: 'DriveLetter' }[call.set];
  if (property === undefined) throw notInContract(`Get-Volume, parameter set ${call.set}`);
  const wanted = call.list(property);
  const found = all.filter(
    (one) => wanted.length === 0 || wanted.includes(describeVolume(one)[property] as string),
  );
  if (found.length === 0 && wanted.length > 0) throw new NoSuchObject('MSFT_Volume', property, wanted.join());
  write(found);
}

/** The partitions that a call names, by number or as objects. */
function namedPartitions(host: Host, call: Call): ShownPartition[] {
  const all = host.storage.partitions();
  if (call.set.startsWith('ByNumber')) {
    const [disks, numbers] = [call.list<number>('DiskNumber'), call.list<number>('PartitionNumber')];
    const found = all.filter(
      ({ shown, partition }) => disks.includes(shown.number) && numbers.includes(partition.number),
    );
    if (found.length === 0) throw new NoSuchObject('MSFT_Partition', 'PartitionNumber', String(numbers));
    return found;
  }
  const objects = call.list<TypedObject>(call.set === 'ByPartition' ? 'Partition' : 'InputObject');
  if (objects.length === 0) throw notInContract(`${call.cmdlet}, parameter set ${call.set}`);
  const ids = objects.map(({ UniqueId }) => UniqueId);
  const found = all.filter(
    (one) => ids.includes(describePartition(one).UniqueId) || ids.includes(describeVolume(one).UniqueId),
  );
  if (found.length === 0) throw new NoSuchObject('MSFT_Partition', 'UniqueId', ids.join());
  return found;
}

const LETTER_PATH = /^([A-Za-z]):\\?$/;

async function changeFolder(host: Host, call: Call, change: 'add' | 'remove'): Promise<void> {
  const folder = call.text('AccessPath');
  const partitions = namedPartitions(host, call);
  const isLettered = change === 'add' && call.flag('AssignDriveLetter') === true;
  const letter = LETTER_PATH.exec(folder ?? '')?.[1];
  if (isLettered || letter !== undefined)
    return changeLetter(host, call, { partitions, letter: isLettered ? undefined : letter });
  if (folder === undefined) throw notInContract(`${call.cmdlet} without -AccessPath`);
  const place = call.path(folder.replace(/[\\/]+$/, ''));
  await call.each(partitions, async (one) => {
    if (change === 'add') await host.storage.addFolder(one, place);
    else await host.storage.removeFolder(one, place);
  });
}

/** Without a letter, the next free one is given; with one, it is taken away. */
async function changeLetter(
  host: Host,
  call: Call,
  { partitions, letter }: { partitions: readonly ShownPartition[]; letter: string | undefined },
): Promise<void> {
  if (letter !== undefined && call.cmdlet === 'Add-PartitionAccessPath')
    throw notInContract('Add-PartitionAccessPath of a drive letter that is named');
  await call.each(partitions, ({ shown, partition: { number } }) => {
    const has = shown.letters.get(number);
    if (letter !== undefined) {
      if (has !== letter.toUpperCase()) throw failed(`the access path is not valid: ${letter}:`);
      shown.letters.delete(number);
    } else if (has === undefined) host.storage.assignLetter(shown, number);
    else throw failed('the volume has a drive letter already');
  });
}

/** Mounted disks are online, and read-only exactly when they were mounted so. */
function setDisk(host: Host, call: Call): void {
  const numbers = call.set.startsWith('ByNumber')
    ? [call.number('Number')!]
    : call.list<TypedObject>('InputObject').map((disk) => disk.Number as number);
  const [isOffline, isReadOnly] = [call.flag('IsOffline'), call.flag('IsReadOnly')];
  for (const number of numbers) {
    const { disk, isOffline: isTaken } = host.storage.shownByNumber(number);
    if (isOffline === false && isTaken)
      throw notInContract('Set-Disk that gives a disk another identity: its system would start no more');
    if (isOffline === true || (isReadOnly !== undefined && isReadOnly !== disk.readOnly))
      throw notInContract('Set-Disk that changes what a mounted disk is');
  }
}

function setPartition(host: Host, call: Call): void {
  const partitions = namedPartitions(host, call);
  const type = call.text('GptType');
  call.flag('NoDefaultDriveLetter');
  if (type === undefined) return;
  for (const { shown, partition } of partitions) {
    const changed = type.replace(/[{}]/g, '').toLowerCase();
    rewrite(shown, (entries) =>
      entries.map((entry) => (entry.id === partition.id ? { ...entry, type: changed } : entry)),
    );
  }
}

async function initializeDisk(host: Host, call: Call): Promise<void> {
  if ((call.text('PartitionStyle') ?? 'GPT') !== 'GPT') throw notInContract('Initialize-Disk: only GPT');
  const passthru = call.flag('PassThru') ?? false;
  const numbers =
    call.set === 'ByNumber'
      ? call.list<number>('Number')
      : call.list<TypedObject>('InputObject').map((disk) => disk.Number as number);
  await call.each(numbers, (number) => {
    const shown = host.storage.shownByNumber(number);
    if (describeDisk(shown).PartitionStyle !== 'RAW') throw failed('the disk has already been initialized');
    rewrite(shown, () => [{ ...RESERVED, id: randomGuid() }]);
    if (passthru) call.output(describeDisk(shown));
  });
}

async function newPartition(host: Host, call: Call): Promise<void> {
  const numbers =
    call.set === 'ByNumber'
      ? call.list<number>('DiskNumber')
      : call.list<TypedObject>('InputObject').map((disk) => disk.Number as number);
  const [size, isLargest, letter] = [
    call.number('Size'),
    call.flag('UseMaximumSize') ?? false,
    call.flag('AssignDriveLetter') ?? false,
  ];
  const type = (call.text('GptType') ?? PARTITION_TYPE.microsoftBasicData).replace(/[{}]/g, '').toLowerCase();
  if ((size === undefined) === !isLargest) throw failed('either -Size or -UseMaximumSize');
  await call.each(numbers, (number) => {
    const shown = host.storage.shownByNumber(number);
    const before = shown.disk.partitions().filter((partition) => partition.number > 0);
    if (before.length === 0) throw failed('the disk has not been initialized');
    const free = largestFree(
      before,
      shown.disk.withRaw((raw) => raw.sizeBytes),
    );
    const length = size ?? free.length;
    if (length > free.length || length % MIB !== 0) throw failed('not enough available capacity');
    const id = randomGuid();
    rewrite(shown, (entries) => [
      ...entries,
      { offset: free.offset, length, type, id, name: 'Basic data partition' },
    ]);
    const made = host.storage.partitions().find(({ partition }) => partition.id === id)!;
    if (letter) host.storage.assignLetter(shown, made.partition.number);
    call.output(describePartition(made));
  });
}

/** Writes the table anew; what the partitions hold stays. */
function rewrite(shown: ShownDisk, change: (entries: NewPartition[]) => NewPartition[]): void {
  if (shown.disk.readOnly) throw failed('the disk is write protected');
  const entries = shown.disk
    .partitions()
    .filter(({ number }) => number > 0)
    .map(({ offset, length, type, id, name }) => ({ offset, length, type, name, id: id ?? randomGuid() }));
  shown.disk.withRaw((raw) => writeGpt(raw, { diskId: randomGuid(), partitions: change(entries) }));
}

async function formatVolume(host: Host, call: Call): Promise<void> {
  const [type, label] = [call.text('FileSystem') ?? 'NTFS', call.text('NewFileSystemLabel') ?? ''];
  const unit = call.number('AllocationUnitSize') ?? 4096;
  await call.each(namedPartitions(host, call), async (one) => {
    const { shown, partition } = one;
    const part = {
      rawPath: shown.disk.rawPath,
      offset: partition.offset,
      length: partition.length,
      readOnly: false,
    };
    const device = await attachLoop(part);
    try {
      if (type === 'NTFS')
        await runTool('mkntfs', [
          '--quick',
          '--force',
          '--cluster-size',
          String(unit),
          '--label',
          label,
          device,
        ]);
      else if (type === 'FAT32') await runTool('mkfs.vfat', ['-F', '32', '-n', label.toUpperCase(), device]);
      else throw notInContract(`Format-Volume -FileSystem ${type}`);
    } finally {
      await detachLoop(device);
    }
    const found = host.storage.partitions().find(({ partition: { id } }) => id === partition.id);
    if (found === undefined) throw failed('the disk was removed meanwhile');
    call.output(describeVolume(found));
  });
}
