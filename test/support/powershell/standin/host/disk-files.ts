/** VHDX files as Hyper-V's cmdlets see them: read and changed by the project's own engine, refused as Hyper-V refuses. */
import { existsSync, statSync } from 'node:fs';
import { isHyperfileError } from '../../../../../src/base/error.ts';
import { openChain } from '../../../../../src/vhdx/chain.ts';
import type { Layer } from '../../../../../src/vhdx/layer.ts';
import { StandInError } from './errors.ts';
import type { Faults } from './faults.ts';

/** What winerror.h and virtdisk say where the engine has a code of its own. */
const WINDOWS_CODES: Readonly<Record<string, readonly [code: string, text: string]>> = {
  VHDX_PARENT_NOT_FOUND: [
    '0xC03A000D',
    'The chain of virtual hard disks is inaccessible. There was an error opening a virtual hard disk further up the chain.',
  ],
  VHDX_PARENT_MISMATCH: [
    '0xC03A000E',
    'The chain of virtual hard disks is corrupted. There is a mismatch in the identifiers of the parent virtual hard disk and differencing disk.',
  ],
  VHDX_NOT_VHDX: ['0xC03A0015', 'The file is not a virtual disk file.'],
};
const CORRUPT = ['0x80070570', 'The file or directory is corrupted and unreadable.'] as const;
export const COMPRESSED_OR_SPARSE = [
  '0xC03A001A',
  'The requested operation could not be completed due to a virtual disk system limitation. Virtual hard disk files must be uncompressed and unencrypted and must not be sparse.',
] as const;

/** What a chain says about its leaf, leaf first; every file is closed again. */
export interface ChainFacts {
  readonly layers: readonly Pick<Layer, 'path' | 'metadata' | 'geometry' | 'dataWriteGuid'>[];
  readonly sizeBytes: number;
}

/**
 * Opens a chain for a look.
 *
 * @param kind how the cmdlet that asks fails for a file that is no disk
 * @throws StandInError as the cmdlet would
 */
export function readChain(
  path: string,
  faults: Faults,
  kind: 'operationFailed' | 'unspecified' = 'operationFailed',
): ChainFacts {
  if (!existsSync(path) || !statSync(path).isFile())
    throw new StandInError('invalidParameter', 'noDisk', [path]);
  try {
    const chain = openChain(path);
    const { layers, sizeBytes } = chain;
    chain.close();
    for (const layer of layers) refuseSparse(layer.path, faults, kind);
    return { layers, sizeBytes };
  } catch (error) {
    throw asWindows(error, path, kind);
  }
}

/** Hyper-V opens no file that is compressed, encrypted or sparse. */
function refuseSparse(path: string, faults: Faults, kind: 'operationFailed' | 'unspecified'): void {
  if (!faults.compressedOrSparse.has(path)) return;
  const [code, text] = COMPRESSED_OR_SPARSE;
  throw new StandInError(kind, 'diskFailed', [path, text, code]);
}

/** An error of the engine as Hyper-V words it; anything else is a fault of the stand-in. */
export function asWindows(
  error: unknown,
  path: string,
  kind: 'operationFailed' | 'unspecified' = 'operationFailed',
): unknown {
  if (!isHyperfileError(error)) return error;
  if (error.code === 'DISK_EXISTS') return new StandInError('operationFailed', 'fileExists', [path]);
  if (error.code === 'DISK_NOT_FOUND') return new StandInError('invalidParameter', 'noDisk', [path]);
  const [code, text] = WINDOWS_CODES[error.code] ?? CORRUPT;
  return new StandInError(kind, 'diskFailed', [path, `${text} [${error.code}]`, code]);
}
