/** A recorded build: two stages side by side, a cached step, output of every kind, a warning. */
import type { BuildEvent } from '../../../src/build/events.ts';

export interface RecordedEvent {
  readonly atMs: number;
  readonly event: BuildEvent;
}

const MIB = 1024 ** 2;

const step = (
  id: string,
  stage: string,
  number: number,
  totalInStage: number,
  title: string,
): BuildEvent => ({
  type: 'step-start',
  step: id,
  stage,
  number,
  totalInStage,
  title,
});

const output = (id: string, text: string, stream: 'stdout' | 'stderr' = 'stdout'): BuildEvent => ({
  type: 'step-output',
  step: id,
  stream,
  text,
});

export const GOOD_BUILD: readonly RecordedEvent[] = [
  { atMs: 0, event: { type: 'build-start', recipe: 'Hyperfile', totalSteps: 5 } },
  {
    atMs: 1,
    event: {
      type: 'warning',
      message: 'the name of stage "Tools" is written in two ways',
      at: { file: 'Hyperfile', line: 7, column: 1 },
      hint: 'Write it in lower case.',
    },
  },
  { atMs: 2, event: step('0.0', 'tools', 1, 2, 'FROM debootstrap://bookworm') },
  {
    atMs: 5,
    event: {
      type: 'step-end',
      step: '0.0',
      status: 'cached',
      durationMs: 3,
      layer: { id: 'a'.repeat(32), allocatedBytes: 170 * MIB },
    },
  },
  { atMs: 6, event: step('0.1', 'tools', 2, 2, 'RUN make -j2 && make install PREFIX=/opt/tools') },
  { atMs: 7, event: step('1.0', '1', 1, 2, 'FROM scratch') },
  { atMs: 10, event: { type: 'step-status', step: '0.1', text: 'no heartbeat yet' } },
  { atMs: 30, event: { type: 'step-status', step: '0.1' } },
  { atMs: 40, event: output('0.1', '\u001b[32mcc\u001b[0m -c main.c\ncc -c ut') },
  {
    atMs: 50,
    event: {
      type: 'step-progress',
      step: '1.0',
      what: 'copied',
      progress: { done: 3 * MIB, total: 12 * MIB, unit: 'bytes' },
    },
  },
  { atMs: 120, event: output('0.1', 'il.c\n') },
  { atMs: 200, event: output('0.1', 'fetching  10%\rfetching  60%') },
  {
    atMs: 300,
    event: {
      type: 'step-end',
      step: '1.0',
      status: 'done',
      durationMs: 293,
      layer: { id: 'b'.repeat(32), allocatedBytes: 0.25 * MIB },
    },
  },
  { atMs: 400, event: output('0.1', '\rfetching 100%\n漢字 done\n') },
  { atMs: 450, event: output('0.1', 'warning: unused', 'stderr') },
  {
    atMs: 500,
    event: {
      type: 'step-end',
      step: '0.1',
      status: 'done',
      durationMs: 494,
      layer: { id: 'c'.repeat(32), allocatedBytes: 45.3 * MIB },
    },
  },
  {
    atMs: 520,
    event: {
      type: 'build-end',
      status: 'done',
      durationMs: 520,
      cachedSteps: 1,
      totalSteps: 3,
      image: {
        id: `sha256:${'d'.repeat(64)}`,
        names: ['tools:latest', 'tools:1.2'],
        layers: [
          { id: 'c'.repeat(32), allocatedBytes: 45.3 * MIB },
          { id: 'a'.repeat(32), allocatedBytes: 170 * MIB },
        ],
      },
    },
  },
];

export const FAILED_BUILD: readonly RecordedEvent[] = [
  { atMs: 0, event: { type: 'build-start', recipe: 'Hyperfile', totalSteps: 3 } },
  { atMs: 1, event: step('0.0', '0', 1, 3, 'FROM scratch') },
  { atMs: 9, event: { type: 'step-end', step: '0.0', status: 'done', durationMs: 8 } },
  { atMs: 10, event: step('0.1', '0', 2, 3, 'RUN ./configure') },
  { atMs: 11, event: output('0.1', 'checking for cc... no\n') },
  {
    atMs: 90,
    event: {
      type: 'step-end',
      step: '0.1',
      status: 'failed',
      durationMs: 80,
      error: {
        code: 'BUILD_STEP_FAILED',
        message: 'the command ended with status 77: ./configure',
        lastLines: ['checking for cc... no'],
      },
    },
  },
  { atMs: 91, event: { type: 'build-end', status: 'failed', durationMs: 91, cachedSteps: 0, totalSteps: 3 } },
];
