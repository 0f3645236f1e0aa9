import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { PlainWorkView } from '../../../src/cli/render/work-plain.ts';
import { TerminalWorkView } from '../../../src/cli/render/work-terminal.ts';
import type { WorkEvent } from '../../../src/cli/render/work-view.ts';
import { textWidth } from '../../../src/cli/render/text-width.ts';
import { fakeConsole } from '../fake-console.ts';

const GIB = 1024 ** 3;
const bytes = (done: number): WorkEvent => ({ type: 'work-progress', done, total: 4 * GIB, unit: 'bytes' });

/** A minute and a half of work at 40 MiB/s and a bit; the title tries to steer the terminal. */
const WORK: readonly (readonly [atMs: number, event: WorkEvent])[] = [
  [0, { type: 'work-start', title: 'converting \u001b[31ma.raw\r\n to b.vhdx' }],
  [10, bytes(0)],
  [10_010, bytes(GIB / 2)],
  [35_010, bytes(GIB)],
  [40_010, bytes(2 * GIB)],
  [90_000, bytes(4 * GIB)],
  [90_010, { type: 'work-end', status: 'done', durationMs: 90_010 }],
];

function showPlain(events: typeof WORK): string {
  const console = fakeConsole();
  let nowMs = 0;
  const view = new PlainWorkView(console.err, () => nowMs);
  for (const [atMs, event] of events) {
    nowMs = atMs;
    view.show(event);
  }
  view.close();
  return console.written.err;
}

function showLive(untilMs: number, columns: number, env: Record<string, string> = {}) {
  const console = fakeConsole({ isTTY: true, columns, env });
  let nowMs = 0;
  const view = new TerminalWorkView(console, () => nowMs);
  for (const [atMs, event] of WORK.filter(([atMs]) => atMs <= untilMs)) {
    nowMs = atMs;
    view.show(event);
  }
  const drawn = view.draw(columns).map(stripVTControlCharacters);
  view.close();
  return { drawn, written: console.written.err };
}

describe('the plain view of work', () => {
  test('has a line at the beginning and at the end, and one every half minute between', () => {
    expect(showPlain(WORK)).toMatchInlineSnapshot(`
      "converting a.raw  to b.vhdx
      converting a.raw  to b.vhdx: 1 GiB / 4 GiB  20.5 MiB/s  2m 30s left
      converting a.raw  to b.vhdx: 4 GiB / 4 GiB  41 MiB/s
      converting a.raw  to b.vhdx: DONE  4 GiB  45.5 MiB/s  1m 30s
      "
    `);
  });

  test('leaves the last word of what failed to the error', () => {
    const events = [
      ...WORK.slice(0, 2),
      [20, { type: 'work-end', status: 'failed', durationMs: 20 }],
    ] as const;
    expect(showPlain(events)).toBe('converting a.raw  to b.vhdx\n');
  });
});

describe('the live view of work', () => {
  test('draws a bar with size, speed and time left', () => {
    expect(showLive(40_010, 100).drawn).toMatchInlineSnapshot(`
      [
        "converting a.raw  to b.vhdx            ━━━━━━━━━━──────────       2 GiB / 4 GiB  51.2 MiB/s      40s",
      ]
    `);
  });

  test('says what it does before it knows how much there is to do', () => {
    expect(showLive(0, 60).drawn).toMatchInlineSnapshot(`
      [
        "converting a.raw  to b.vhdx                             0.0s",
      ]
    `);
  });

  test('keeps a line of what is done', () => {
    expect(stripVTControlCharacters(showLive(90_010, 80).written)).toMatchInlineSnapshot(`
      "✔ converting a.raw  to b.vhdx                         4 GiB  45.5 MiB/s  1m 30s
      "
    `);
  });

  test('fits every terminal, and has no colours with NO_COLOR', () => {
    for (const columns of [1, 20, 40, 79, 200]) {
      const { drawn, written } = showLive(40_010, columns);
      for (const line of drawn) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      for (const line of written.split('\n'))
        expect(textWidth(stripVTControlCharacters(line))).toBeLessThanOrEqual(columns);
    }
    expect(showLive(90_010, 80, { NO_COLOR: '1' }).written).not.toContain('\u001b');
  });
});
