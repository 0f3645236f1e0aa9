/** Transfers as the views are told of them, with the moments of their events. */
import type { TransferEvent } from '../../../src/transfer/events.ts';

export interface RecordedTransferEvent {
  readonly atMs: number;
  readonly event: TransferEvent;
}

const MIB = 1024 ** 2;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

const progress = (atMs: number, letter: string, doneMib: number, totalMib: number) => ({
  atMs,
  event: {
    type: 'blob-progress' as const,
    blob: digest(letter),
    doneBytes: doneMib * MIB,
    totalBytes: totalMib * MIB,
  },
});

export const GOOD_PUSH: readonly RecordedTransferEvent[] = [
  { atMs: 0, event: { type: 'transfer-start', action: 'push', name: 'localhost:5000/team/web:1.2' } },
  {
    atMs: 20,
    event: {
      type: 'blob-end',
      blob: digest('a'),
      label: 'layer aaaaaaaaaaaa',
      status: 'exists',
      bytes: 0,
      durationMs: 20,
    },
  },
  {
    atMs: 30,
    event: {
      type: 'blob-start',
      blob: digest('b'),
      label: 'layer bbbbbbbbbbbb part 1',
      totalBytes: 512 * MIB,
    },
  },
  {
    atMs: 31,
    event: {
      type: 'blob-start',
      blob: digest('c'),
      label: 'layer bbbbbbbbbbbb part 2',
      totalBytes: 40 * MIB,
    },
  },
  progress(100, 'b', 0, 512),
  progress(100, 'c', 0, 40),
  progress(1100, 'b', 40, 512),
  progress(1100, 'c', 20, 40),
  { atMs: 1500, event: { type: 'warning', message: 'the upload began again', hint: 'Nothing to do.' } },
  progress(2100, 'c', 40, 40),
  progress(2100, 'b', 80, 512),
  {
    atMs: 2130,
    event: {
      type: 'blob-end',
      blob: digest('c'),
      label: 'layer bbbbbbbbbbbb part 2',
      status: 'done',
      bytes: 40 * MIB,
      durationMs: 2000,
    },
  },
  {
    atMs: 2140,
    event: {
      type: 'blob-end',
      blob: digest('d'),
      label: 'layer dddddddddddd',
      status: 'mounted',
      bytes: 0,
      durationMs: 10,
    },
  },
  progress(31_100, 'b', 400, 512),
  progress(31_200, 'b', 401, 512),
  {
    atMs: 40_030,
    event: {
      type: 'blob-end',
      blob: digest('b'),
      label: 'layer bbbbbbbbbbbb part 1',
      status: 'done',
      bytes: 512 * MIB,
      durationMs: 40_000,
    },
  },
  {
    atMs: 40_100,
    event: {
      type: 'transfer-end',
      action: 'push',
      name: 'localhost:5000/team/web:1.2',
      status: 'done',
      digest: digest('e'),
      movedBytes: 552 * MIB,
      durationMs: 40_100,
    },
  },
];

/** What a registry with bad intentions would have shown. */
const EVIL = 'web\u001b[2J\u009b31m\r\nfake line\u0007';

export const FAILED_PULL: readonly RecordedTransferEvent[] = [
  { atMs: 0, event: { type: 'transfer-start', action: 'pull', name: EVIL } },
  { atMs: 1, event: { type: 'blob-start', blob: digest('a'), label: `layer ${EVIL}`, totalBytes: 9 } },
  { atMs: 2, event: { type: 'warning', message: `warned of ${EVIL}` } },
  {
    atMs: 3,
    event: {
      type: 'blob-end',
      blob: digest('a'),
      label: `layer ${EVIL}`,
      status: 'failed',
      bytes: 4,
      durationMs: 2,
    },
  },
  {
    atMs: 4,
    event: {
      type: 'transfer-end',
      action: 'pull',
      name: EVIL,
      status: 'failed',
      movedBytes: 4,
      durationMs: 4,
    },
  },
];
