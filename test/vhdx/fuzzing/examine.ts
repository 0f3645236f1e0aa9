/**
 * What must hold for any file whatever: it is refused with a named error, or it can be read everywhere, twice the same, as
 * a naive reader reads it; a check agrees with opening; and what can be opened can be changed and repaired.
 */
import { ZERO_GUID } from '../../../src/bytes/guid.ts';
import { parentProblem } from '../../../src/vhdx/ancestry.ts';
import { readCurrentHeader } from '../../../src/vhdx/header.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { naiveReplay } from '../naive-log.ts';
import { naiveDisk, type ReadAt } from '../naive-reader.ts';
import { Changes, repairRefused } from './changes.ts';
import { MutantDisk, spotsOf, type Spot } from './mutant-disk.ts';
import { MutantFile, Violation, type Image } from './mutant-file.ts';
import type { Random } from './random.ts';
import { readAtOf, type Seed } from './seeds.ts';
import { attempt, compareWithCheck, must } from './verdicts.ts';

/** How a case ended: the code of the refusal, or what was done with the file. */
export type Outcome = string;

/** @throws Violation when something happens that must not. */
export function examine(seed: Seed, image: Image, random: Random): Outcome {
  const file = new MutantFile(image);
  const opened = attempt('open', () => readLayer(file));
  compareWithCheck(image, opened);
  compareLogs(image, opened);
  if (typeof opened === 'string') {
    repairRefused(image);
    return opened;
  }
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

  if (random.chance(0.6)) new Changes(image, below, spots, contents, random).make();
  return 'reads';
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
