/**
 * What must hold for any file whatever: it is refused with a named error, or it can be read everywhere, twice the same, as
 * a naive reader reads it; a check agrees with opening; and what can be opened can be changed and repaired.
 */
import { isHyperfileError } from '../../../src/base/error.ts';
import { ZERO_GUID } from '../../../src/bytes/guid.ts';
import { parentProblem } from '../../../src/vhdx/ancestry.ts';
import { EditedDisk } from '../../../src/vhdx/edit/edited-disk.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import type { RepairKind } from '../../../src/vhdx/findings.ts';
import { MIB } from '../../../src/vhdx/format.ts';
import { readCurrentHeader } from '../../../src/vhdx/header.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { checkOpenFile } from '../../../src/vhdx/operations/check.ts';
import { repairFile } from '../../../src/vhdx/operations/repair.ts';
import { naiveReplay } from '../naive-log.ts';
import { naiveDisk, type ReadAt } from '../naive-reader.ts';
import { pattern } from '../scratch.ts';
import { MutantFile, Violation, type Image } from './mutant-file.ts';
import { MutantDisk, spotsOf, type Spot } from './mutant-disk.ts';
import type { Random } from './random.ts';
import { readAtOf, type Seed } from './seeds.ts';

/** How a case ended: the code of the refusal, or what was done with the file. */
export type Outcome = string;

/** Blocks of this size at most are written to: zeroing larger ones only takes time. */
const MAX_WRITTEN_BLOCK = 4 * MIB;

/** @throws Violation when something happens that must not. */
export function examine(seed: Seed, image: Image, random: Random): Outcome {
  const file = new MutantFile(image);
  const opened = attempt('open', () => readLayer(file));
  compareWithCheck(image, opened);
  compareLogs(image, opened);
  if (typeof opened === 'string') return opened;
  const below = opened.locator === undefined ? [] : seed.below;
  const problem = below[0] && parentProblem(opened, below[0]);
  if (problem) return problem.code;

  file.isOpen = true;
  const disk = new MutantDisk([opened, ...below]);
  const spots = spotsOf(opened, random);
  const contents = must('read', () => disk.readAll(spots));
  must('resolve', () => disk.compareRanges(spots, contents));
  compareWithNaive(seed, file, opened, spots, contents);
  const again = new MutantDisk([must('open again', () => readLayer(new MutantFile(image))), ...below]);
  const same = again.readAll([...spots].reverse()).reverse();
  if (!same.every((bytes, i) => bytes.equals(contents[i])))
    throw new Violation('the same file reads differently');

  if (random.chance(0.6)) change(image, below, spots, contents, random);
  return 'reads';
}

/** The result, or the code with which it was refused. Anything else that is thrown is a violation. */
function attempt<T>(what: string, action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (!isHyperfileError(error)) throw new Violation(`${what}: ${String(error)}`, { cause: error });
    if (!error.code.startsWith('VHDX_')) throw new Violation(`${what}: ${error.code}: ${error.message}`);
    if (/\{\w+\}|undefined|NaN/.test(error.message)) throw new Violation(`${what}: ${error.message}`);
    return error.code;
  }
}

/** The result of something that cannot be refused any more. */
function must<T>(what: string, action: () => T): T {
  let result: T | undefined;
  const refused = attempt(what, () => void (result = action()));
  if (typeof refused === 'string') throw new Violation(`${what}: refused with ${refused}`);
  return result as T;
}

function compareWithCheck(image: Image, opened: Layer | string): void {
  const { findings } = must('check', () => checkOpenFile(new MutantFile(image)));
  const errors = findings.listed.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const agrees = typeof opened === 'string' ? errors[0] === opened : errors.length === 0;
  if (agrees) return;
  const verdict = typeof opened === 'string' ? opened : 'reads';
  throw new Violation(`opening: ${verdict}, but a check finds: ${errors.join(', ')}`);
}

/** Opening and the pseudo code of the specification agree on whether there is a log to replay, and which. */
function compareLogs(image: Image, opened: Layer | string): void {
  const verdicts = { VHDX_LOG_NO_SEQUENCE: 'none', VHDX_LOG_CUT_SHORT: 'cut' } as const;
  const refused = typeof opened === 'string' ? opened : undefined;
  if (refused !== undefined && !(refused in verdicts)) return;
  const replay = naiveReplayOf(image);
  const ours =
    typeof opened === 'string' ? verdicts[opened as keyof typeof verdicts] : opened.replayedLog?.entryCount;
  const theirs = typeof replay === 'object' ? replay.entryCount : replay;
  if (ours !== theirs) throw new Violation(`log: we say ${ours}, the pseudo code ${theirs}`);
  if (typeof replay === 'object' && typeof opened === 'object' && replay.fileBytes !== opened.fileBytes) {
    throw new Violation(
      `log: we make the file ${opened.fileBytes} bytes long, the pseudo code ${replay.fileBytes}`,
    );
  }
}

function naiveReplayOf(image: Image): ReturnType<typeof naiveReplay> | undefined {
  const file = new MutantFile(image);
  const header = readCurrentHeader(file);
  if (header.logGuid === ZERO_GUID) return undefined;
  const read = readAtOf(file);
  const guid = read(header.slot === 0 ? 0x10030 : 0x20030, 16);
  return naiveReplay(read, file.sizeBytes(), { offset: header.logOffset, length: header.logLength, guid });
}

function compareWithNaive(
  seed: Seed,
  file: MutantFile,
  layer: Layer,
  spots: readonly Spot[],
  contents: readonly Buffer[],
): void {
  const replay = layer.replayedLog && naiveReplayOf(file.image());
  const read: ReadAt = typeof replay === 'object' ? replay.read : readAtOf(file);
  const naive = naiveDisk(read, layer.locator === undefined ? undefined : seed.naiveBelow);
  const { sectorBytes } = naive;
  for (const [i, { offset, length }] of spots.entries()) {
    const first = Math.floor(offset / sectorBytes);
    const last = Math.floor((offset + length - 1) / sectorBytes);
    for (let sector = first; sector <= last; sector++) {
      const from = Math.max(offset, sector * sectorBytes);
      const to = Math.min(offset + length, (sector + 1) * sectorBytes);
      const ours = contents[i].subarray(from - offset, to - offset);
      const theirs = naive.sector(sector).subarray(from - sector * sectorBytes, to - sector * sectorBytes);
      if (!ours.equals(theirs)) throw new Violation(`sector ${sector} is not what a naive reader reads`);
    }
  }
}

/** Repairs what can be repaired, writes a little here and there, and looks whether that and nothing else has changed. */
function change(
  image: Image,
  below: readonly Layer[],
  spots: readonly Spot[],
  before: readonly Buffer[],
  random: Random,
): void {
  const file = new MutantFile(image);
  const kinds = repairsFor(file);
  if (kinds.size > 0 && random.chance(0.5)) {
    must('repair', () => repairFile(file, kinds));
    compare('a repair', file, below, spots, before);
    const left = [...repairsFor(file)];
    if (left.length > 0) throw new Violation(`a repair leaves something to repair: ${left.join(', ')}`);
  }
  const editor = must('open for changes', () => openEditor(file));
  if (editor.layer.geometry.blockBytes > MAX_WRITTEN_BLOCK) return;
  const disk = new EditedDisk(editor, below);
  const expected = before.map((bytes) => Buffer.from(bytes));
  for (let i = random.below(4); i >= 0; i--) {
    const spot = random.pick(spots);
    const length = random.chance(0.5) ? spot.length : 1 + random.below(spot.length);
    const bytes = random.chance(0.3) ? Buffer.alloc(length) : pattern(length, i + 60);
    must('write', () => disk.write(bytes, spot.offset));
    lay(expected, spots, spot.offset, bytes);
  }
  const crashes = random.chance(0.3);
  must('commit', () => (crashes ? disk.flush() : editor.finish()));
  compare(crashes ? 'a commit and a crash' : 'a change', file, below, spots, expected);
}

function repairsFor(file: MutantFile): Set<RepairKind> {
  const { findings } = must('check', () => checkOpenFile(file));
  return new Set(
    findings.listed.flatMap(({ repair }) => (repair && repair !== 'parent-paths' ? [repair] : [])),
  );
}

/** Lays a write over what all spots that it touches are expected to hold. */
function lay(expected: readonly Buffer[], spots: readonly Spot[], at: number, bytes: Buffer): void {
  spots.forEach(({ offset, length }, i) => {
    const [start, end] = [Math.max(offset, at), Math.min(offset + length, at + bytes.length)];
    if (start < end) bytes.copy(expected[i], start - offset, start - at, end - at);
  });
}

function compare(
  after: string,
  file: MutantFile,
  below: readonly Layer[],
  spots: readonly Spot[],
  expected: readonly Buffer[],
): void {
  const copy = new MutantFile(file.image());
  const layer = must(`open after ${after}`, () => readLayer(copy));
  copy.isOpen = true;
  const contents = must(`read after ${after}`, () => new MutantDisk([layer, ...below]).readAll(spots));
  const wrong = contents.findIndex((bytes, i) => !bytes.equals(expected[i]));
  if (wrong >= 0) throw new Violation(`after ${after} the disk reads otherwise at ${spots[wrong].offset}`);
  compareWithCheck(file.image(), layer);
}
