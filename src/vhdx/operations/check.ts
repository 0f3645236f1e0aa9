/**
 * Holds a disk and all disks below it against every rule of the format, and goes on after what is wrong. Reads the tables
 * in pieces and remembers next to nothing of them: the largest disk takes a few megabytes of memory.
 */
import path from 'node:path';
import type { Bitmap } from '../../bytes/bitmap.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { openHostFile } from '../../disk/host-file.ts';
import { findParent, identityOf, MAX_CHAIN_LAYERS, parentProblem } from '../ancestry.ts';
import { scanBat } from '../bat-scan.ts';
import { CollectedFindings } from '../collected-findings.ts';
import { errorAt, noteAt, warningAt } from '../findings.ts';
import { MIB } from '../format.ts';
import { readTables, type LayerTables } from '../layer.ts';
import { followedPaths } from '../parent-paths.ts';
import { reserveTables } from '../used-space.ts';

/** One file of a chain and what is to be said about it. */
export interface CheckedFile {
  /** Absolute. */
  readonly path: string;
  readonly findings: CollectedFindings;
  /** What the file says about itself; absent when it cannot be read. */
  readonly tables?: LayerTables;
}

/**
 * Checks a VHDX file, then its parents as far as they can be found, leaf first. Nothing is written; `tables` are for
 * looking only, their files are closed.
 *
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO when the leaf cannot be opened
 */
export function* checkChain(leafPath: string): Generator<CheckedFile, void> {
  const seen = new Set([identityOf(path.resolve(leafPath))]);
  let child: CheckedFile | undefined = checkFile(path.resolve(leafPath));
  while (child !== undefined) {
    const parent = checkParent(child, seen);
    yield child;
    child = parent;
  }
}

function checkFile(filePath: string): CheckedFile {
  const file = openHostFile(filePath);
  try {
    return checkOpenFile(file);
  } finally {
    file.close();
  }
}

/** Checks one file, without the disks below it. What cannot be read is a finding, too. */
export function checkOpenFile(file: BlockFile): CheckedFile {
  const findings = new CollectedFindings();
  const tables = findings.whole(() => readTables(file, findings));
  if (tables === undefined) return { path: file.path, findings };
  findings.whole(() => checkBlocks(tables, findings));
  lookAtParentEntries(tables, findings);
  return { path: file.path, findings, tables };
}

function checkBlocks(tables: LayerTables, findings: CollectedFindings): void {
  const { file, header, regions, geometry, metadata, stored } = tables;
  const used = reserveTables(file, header, regions, findings);
  const { allocatedBlocks } = scanBat(file, regions.bat, geometry, used, findings);
  const absent = geometry.blockCount - allocatedBlocks;
  if (metadata.leaveBlocksAllocated && !metadata.hasParent && absent > 0) {
    findings.report(warningAt('VHDX_FIXED_ABSENT', file.path, stored.parametersOffset, { count: absent }));
  }
  checkLength(tables, used, findings);
}

function checkLength({ path, fileBytes }: LayerTables, used: Bitmap, findings: CollectedFindings): void {
  if (fileBytes % MIB !== 0) {
    findings.report(warningAt('VHDX_FILE_LENGTH', path, fileBytes, { fileBytes }, 'file-length'));
  }
  const wholeMb = Math.floor(fileBytes / MIB);
  const usedMb = used.count - (wholeMb < used.length && used.has(wholeMb) ? 1 : 0);
  const unusedBytes = (wholeMb - usedMb) * MIB;
  // Blocks in impossible places say nothing about the others.
  if (unusedBytes > 0 && findings.counts.error === 0) {
    const firstUnused = used.runEnd(0, used.length) * MIB;
    findings.report(noteAt('VHDX_UNUSED_SPACE', path, firstUnused, { unusedBytes }));
  }
}

function lookAtParentEntries(
  { path, metadata, stored, locator }: LayerTables,
  findings: CollectedFindings,
): void {
  const { locatorOffset } = stored;
  if (locatorOffset === undefined) return;
  if (!metadata.hasParent) findings.report(warningAt('VHDX_LOCATOR_UNUSED', path, locatorOffset));
  if (locator?.entries.has('parent_linkage2')) {
    findings.report(warningAt('VHDX_MERGE_INTERRUPTED', path, locatorOffset));
  }
}

/** The next file of the chain, if there is one; what speaks against it is said about the child. */
function checkParent(child: CheckedFile, seen: Set<string | undefined>): CheckedFile | undefined {
  const { tables, findings } = child;
  if (tables?.locator === undefined) return undefined;
  const at = tables.stored.locatorOffset ?? 0;
  const { found, places } = findParent(child.path, tables.locator);
  if (found === undefined) {
    findings.report(errorAt('VHDX_PARENT_NOT_FOUND', child.path, at, { places }));
    return undefined;
  }
  const identity = identityOf(found);
  if (seen.has(identity)) {
    findings.report(errorAt('VHDX_CHAIN_CYCLE', child.path, at));
    return undefined;
  }
  if (seen.size === MAX_CHAIN_LAYERS) {
    findings.report(errorAt('VHDX_CHAIN_TOO_DEEP', child.path, at, { limit: MAX_CHAIN_LAYERS }));
    return undefined;
  }
  seen.add(identity);
  const parent = findings.whole(() => checkFile(found));
  if (parent?.tables) judgeParent(tables, parent.tables, findings);
  return parent;
}

function judgeParent(child: LayerTables, parent: LayerTables, findings: CollectedFindings): void {
  const at = child.stored.locatorOffset ?? 0;
  const problem = parentProblem(child, parent);
  if (problem) findings.report(errorAt(problem.code, child.path, at, problem.data));
  const identity = identityOf(parent.path);
  let isLedThere = false;
  for (const place of followedPaths(child.path, child.locator!)) {
    const found = identityOf(place);
    isLedThere ||= found === identity;
    // Paths are tried in turn: behind one that leads there, others may lead nowhere.
    if (found === identity || (found === undefined && isLedThere)) continue;
    const data = { place, parent: parent.path };
    findings.report(warningAt('VHDX_PARENT_PATH', child.path, at, data, 'parent-paths'));
  }
}
