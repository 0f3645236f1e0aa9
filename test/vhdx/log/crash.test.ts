/** Power may go at any moment while a log is brought into its file, and again while that is done once more. */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ZERO_GUID } from '../../../src/bytes/guid.ts';
import type { BlockFile } from '../../../src/disk/block-file.ts';
import type { MemoryFile } from '../../../src/disk/memory-file.ts';
import { ChainIndex } from '../../../src/vhdx/chain-index.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { Gather } from '../../../src/vhdx/runs.ts';
import { MIB } from '../scratch.ts';
import { diceOf, Journal, RecordedFile, type Dice } from '../edit/recorded-file.ts';
import { afterReplay, CASES, makeVictim } from './cases.ts';

const CRASHES_PER_STEP = 3;

function shown(layer: Layer): Buffer {
  const bytes = Buffer.alloc(layer.geometry.sizeBytes, 0xee);
  new Gather().read(new ChainIndex([layer], layer.geometry.logicalSectorBytes), bytes, 0);
  return bytes;
}

/** Puts a file's content into a journal as the first thing that is durable there. */
function recorded(content: Uint8Array): { journal: Journal; file: RecordedFile; start: number } {
  const journal = new Journal();
  const file = new RecordedFile('unclosed.vhdx', journal);
  file.writeAt(content, 0, content.length, 0);
  file.flush();
  return { journal, file, start: journal.count };
}

function bytesOf(file: BlockFile): Uint8Array {
  const bytes = new Uint8Array(file.sizeBytes());
  file.readAt(bytes, 0, bytes.length, 0);
  return bytes;
}

/** A replay into the file, and what storage may hold after any step of it. */
class Replay {
  readonly #journal: Journal;
  readonly #file: RecordedFile;
  readonly #start: number;

  constructor(content: Uint8Array) {
    const { journal, file, start } = recorded(content);
    openEditor(file);
    [this.#journal, this.#file, this.#start] = [journal, file, start];
  }

  get steps(): number {
    return this.#journal.count - this.#start;
  }

  crash(afterSteps: number, dice: Dice): MemoryFile {
    return this.#journal.afterCrash(this.#file, this.#start + afterSteps, dice);
  }
}

describe('a crash in a replay', () => {
  const replayable = CASES.filter(({ refused }) => refused === undefined);

  it.each(replayable)('leaves a file that shows the same, and replays again to the same: $what', (one) => {
    const dice = diceOf(replayable.indexOf(one));
    const { file, before } = makeVictim(one.lay);
    const content = fs.readFileSync(file);
    const { dataWriteGuid } = readLayer(recorded(content).file);
    const expected = afterReplay(before, one);
    const seen = new Set<boolean>();
    const replay = new Replay(content);
    for (let i = 0; i < (replay.steps + 1) * CRASHES_PER_STEP; i++) {
      const image = replay.crash(Math.floor(i / CRASHES_PER_STEP), dice);
      const layer = readLayer(image);
      seen.add(layer.replayedLog !== undefined);
      expect(shown(layer).equals(expected)).toBe(true);
      expect(layer.dataWriteGuid).toBe(dataWriteGuid);
      openEditor(image);
      const after = readLayer(image);
      expect(after.header.logGuid).toBe(ZERO_GUID);
      expect(after.fileBytes).toBe(one.fileBytes?.(content.length) ?? content.length);
      expect(shown(after).equals(expected)).toBe(true);
    }
    expect(seen).toEqual(new Set([true, false]));
  });

  it('may come again and again', () => {
    const one = CASES.find(({ what }) => what === 'two entries')!;
    const { file, before } = makeVictim(one.lay);
    const expected = afterReplay(before, one);
    for (let seed = 0; seed < 20; seed++) {
      const dice = diceOf(seed);
      let content: Uint8Array = fs.readFileSync(file);
      for (let crash = 0; crash < 5; crash++) {
        const replay = new Replay(content);
        content = bytesOf(replay.crash(Math.floor(dice() * replay.steps), dice));
      }
      expect(shown(readLayer(recorded(content).file)).equals(expected)).toBe(true);
    }
  });

  it('that comes with every write of the file failing from there on, loses nothing', () => {
    const one = CASES.find(({ what }) => what === 'a file that must grow')!;
    const { file, before } = makeVictim(one.lay);
    const content = fs.readFileSync(file);
    for (let failsAfter = 0; ; failsAfter++) {
      const { journal, file, start } = recorded(content);
      journal.failsAt = start + failsAfter;
      try {
        openEditor(file);
        expect(failsAfter).toBeGreaterThan(5);
        return;
      } catch (error) {
        expect(error).toMatchObject({ code: 'DISK_IO' });
      }
      expect(shown(readLayer(file)).equals(afterReplay(before, one))).toBe(true);
      expect(file.sizeBytes()).toBeLessThanOrEqual(content.length + MIB);
    }
  });
});
