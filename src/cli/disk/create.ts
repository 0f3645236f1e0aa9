/** Makes disks as the command line asks for them. */
import path from 'node:path';
import { createDiskFile, type NewFileShape } from '../../vhdx/create.ts';
import type { Console } from '../console.ts';
import { diskReport } from './report.ts';
import type { WorkFlags } from '../options.ts';
import { formatSize } from '../size.ts';
import { misused } from '../usage-error.ts';
import { withDiskWork, writeResult } from './work.ts';

export interface CreateFlags extends WorkFlags {
  readonly size?: number;
  readonly blockSize?: number;
  readonly sectorSize?: string;
  readonly physicalSectorSize?: string;
  readonly fixed?: boolean;
  readonly parent?: string;
}

/** @throws HyperfileError CLI_USAGE; as {@link createDiskFile} */
export async function create(file: string, flags: CreateFlags, console: Console): Promise<void> {
  const shape = shapeOf(file, flags, console);
  const target = path.resolve(console.cwd, file);
  await withDiskWork(flags, console, `creating ${file}`, (io) => createDiskFile(target, shape, io));
  const [made] = diskReport(target).layers;
  const size = `${formatSize(made.diskBytes)} in blocks of ${formatSize(made.blockBytes)}`;
  const text = `${file}: ${made.type} disk of ${size}, ${formatSize(made.allocatedBytes)} on disk\n`;
  writeResult(flags, console, made, text);
}

function shapeOf(file: string, flags: CreateFlags, console: Console): NewFileShape {
  const { size, blockSize, sectorSize, physicalSectorSize, fixed, parent } = flags;
  const wrong = (problem: string, hint?: string) => misused('disk', problem, hint);
  if (/\.(vhd|vmdk|qcow2|raw|img)$/i.test(file))
    throw wrong(`a new disk is a VHDX, and ${file} has the ending of another format`, 'End it in .vhdx.');
  if (size === undefined && parent === undefined)
    throw wrong('--size is missing', 'Give one, like --size 64G.');
  const inherited = [sectorSize && '--sector-size', physicalSectorSize && '--physical-sector-size'].find(
    Boolean,
  );
  if (parent !== undefined && inherited)
    throw wrong(`${inherited} does not go with --parent: a difference has the sectors of its parent`);
  if (parent !== undefined && fixed)
    throw wrong('--fixed does not go with --parent: a difference holds only what differs');
  if (sectorSize === '4096' && physicalSectorSize === '512')
    throw wrong('physical sectors cannot be smaller than logical ones');
  return {
    ...(size !== undefined && { sizeBytes: size }),
    ...(blockSize !== undefined && { blockBytes: blockSize }),
    ...(sectorSize !== undefined && { logicalSectorBytes: Number(sectorSize) }),
    ...(physicalSectorSize !== undefined && { physicalSectorBytes: Number(physicalSectorSize) }),
    ...(fixed !== undefined && { isFixed: fixed }),
    ...(parent !== undefined && { parentPath: path.resolve(console.cwd, parent) }),
  };
}
