import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { BuildEvent } from '../../../src/build/events.ts';
import { JsonView } from '../../../src/cli/render/json.ts';
import { PlainView } from '../../../src/cli/render/plain.ts';
import { Rate } from '../../../src/cli/render/rate.ts';
import { TerminalView } from '../../../src/cli/render/terminal.ts';
import { textWidth } from '../../../src/cli/render/text-width.ts';
import { PlainTransferView } from '../../../src/cli/render/transfer-plain.ts';
import { TerminalTransferView } from '../../../src/cli/render/transfer-terminal.ts';
import { openTransferView } from '../../../src/cli/render/transfer-view.ts';
import { fakeConsole } from '../fake-console.ts';
import { FAILED_PULL, GOOD_PUSH, type RecordedTransferEvent } from './recorded-transfer.ts';

function showPlain(events: readonly RecordedTransferEvent[]): string {
  const console = fakeConsole();
  let nowMs = 0;
  const view = new PlainTransferView(console.err, () => nowMs);
  for (const { atMs, event } of events) {
    nowMs = atMs;
    view.show(event);
  }
  view.close();
  return console.written.err;
}

/** What the live view has written, and what it would draw, after the events up to a moment. */
function showLive(events: readonly RecordedTransferEvent[], untilMs: number, columns = 100, rows = 24) {
  const console = fakeConsole({ isTTY: true, columns });
  let nowMs = 0;
  const view = new TerminalTransferView(console, () => nowMs);
  for (const { atMs, event } of events.filter((recorded) => recorded.atMs <= untilMs)) {
    nowMs = atMs;
    view.show(event);
  }
  nowMs = untilMs;
  const drawn = view.draw(columns, rows).map(stripVTControlCharacters);
  view.close();
  return { written: stripVTControlCharacters(console.written.err), raw: console.written.err, drawn };
}

// eslint-disable-next-line no-control-regex -- control characters are what must not be there
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

describe('the plain view of a transfer', () => {
  test('has a line when a blob begins and ends, and one every half minute between', () => {
    expect(showPlain(GOOD_PUSH)).toMatchSnapshot();
  });

  test('of one that failed lets no control character of a name through', () => {
    const shown = showPlain(FAILED_PULL);
    expect(shown).toMatchSnapshot();
    expect(shown).not.toMatch(CONTROLS);
    expect(shown).not.toMatch(/^fake/m);
  });
});

describe('the live view of a transfer', () => {
  test('draws a line for each blob on its way, with size, speed and time left', () => {
    expect(showLive(GOOD_PUSH, 2110)).toMatchSnapshot();
  });

  test('keeps a line of each blob that has moved, and ends with the totals', () => {
    expect(showLive(GOOD_PUSH, 50_000).written).toMatchSnapshot();
  });

  test('of one that failed lets no control character of a name through', () => {
    const { written, raw, drawn } = showLive(FAILED_PULL, 3);
    // eslint-disable-next-line no-control-regex -- our own colours
    for (const text of [raw.replace(/\u001b\[\d+m/g, ''), ...drawn]) expect(text).not.toMatch(CONTROLS);
    expect(written).not.toMatch(/^fake/m);
  });

  test('has no colours with NO_COLOR', () => {
    const console = fakeConsole({ isTTY: true, env: { NO_COLOR: '1' } });
    const view = new TerminalTransferView(console);
    for (const { event } of GOOD_PUSH) view.show(event);
    view.close();
    expect(console.written.err).toContain('Pushed');
    expect(console.written.err).not.toContain('\u001b[');
  });

  test.each([1, 2, 10, 20, 40, 60, 76, 80, 200])(
    'fits a terminal %d columns wide and few rows high',
    (columns) => {
      for (const rows of [1, 2, 3, 50]) {
        const { drawn } = showLive(GOOD_PUSH, 2110, columns, rows);
        expect(drawn.length).toBeLessThanOrEqual(rows);
        for (const line of drawn) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      }
    },
  );
});

describe('the JSON view of a transfer', () => {
  test('is every event as it was, one a line, safe to look at', () => {
    const console = fakeConsole();
    const view = new JsonView(console.out, () => new Date(0));
    const events = [...GOOD_PUSH, ...FAILED_PULL].map(({ event }) => event);
    for (const event of events) view.show(event);
    const lines = console.written.out.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(
      events.map((event) => ({ time: '1970-01-01T00:00:00.000Z', ...event })),
    );
    for (const line of lines) expect(line).not.toMatch(CONTROLS);
  });
});

describe('a view of transfers', () => {
  test('is the live one on a terminal, the plain one elsewhere, and none at all when quiet', async () => {
    const opened = async (...[mode, console]: Parameters<typeof openTransferView>) => {
      const view = await openTransferView(mode, console);
      view.close();
      return view.constructor;
    };
    const terminal = fakeConsole({ isTTY: true });
    const pipe = fakeConsole();
    expect(await opened('auto', terminal)).toBe(TerminalTransferView);
    expect(await opened('auto', pipe)).toBe(PlainTransferView);
    expect(await opened('json', terminal)).toBe(JsonView);
    await expect(opened('tty', pipe)).rejects.toMatchObject({ code: 'CLI_NO_TERMINAL' });
    const quiet = await openTransferView('quiet', pipe);
    for (const { event } of FAILED_PULL) quiet.show(event);
    quiet.close();
    expect(pipe.written).toEqual({ out: '', err: '' });
  });
});

describe('a speed', () => {
  test('is that of the last seconds', () => {
    const rate = new Rate(0, 1000);
    expect(rate.perSecond(100)).toBeUndefined();
    for (let atMs = 100; atMs <= 10_000; atMs += 100) rate.add(atMs, 1000 + atMs);
    expect(rate.perSecond(10_000)).toBe(1000);
    for (let atMs = 10_100; atMs <= 20_000; atMs += 100) rate.add(atMs, 11_000 + (atMs - 10_000) * 3);
    expect(rate.perSecond(20_000)).toBe(3000);
  });

  test('falls while nothing moves, and begins anew with a transfer that does', () => {
    const rate = new Rate(0, 0);
    rate.add(1000, 1000);
    expect(rate.perSecond(1000)).toBe(1000);
    expect(rate.perSecond(4000)).toBe(250);
    rate.add(4100, 0);
    expect(rate.perSecond(4100)).toBeUndefined();
    rate.add(5100, 500);
    expect(rate.perSecond(5100)).toBe(500);
  });
});

describe('a build that ships layers', () => {
  const step = { step: '0.0', stage: '0', number: 1, totalInStage: 1, title: 'RUN make' } as const;
  const events: readonly { readonly atMs: number; readonly event: BuildEvent }[] = [
    { atMs: 0, event: { type: 'step-start', ...step } },
    { atMs: 1, event: { type: 'explain', step: '0.0', text: 'found in localhost:5000/cache' } },
    ...GOOD_PUSH.filter(({ atMs }) => atMs <= 2110).map(({ atMs, event }) => ({
      atMs,
      event: { type: 'transfer', event } as const,
    })),
    {
      atMs: 2120,
      event: { type: 'step-end', step: '0.0', status: 'cached', durationMs: 3, origin: 'registry' },
    },
    ...GOOD_PUSH.filter(({ atMs }) => atMs > 2110).map(({ atMs, event }) => ({
      atMs,
      event: { type: 'transfer', event } as const,
    })),
    {
      atMs: 41_000,
      event: {
        type: 'build-end',
        status: 'done',
        durationMs: 41_000,
        cachedSteps: 1,
        totalSteps: 1,
        image: { id: `sha256:${'d'.repeat(64)}`, names: [], layers: [] },
        pushed: [{ name: 'localhost:5000/team/web:1.2', digest: `sha256:${'e'.repeat(64)}` }],
      },
    },
  ];

  test('shows in the plain view where steps came from and what moved', () => {
    const console = fakeConsole();
    let nowMs = 0;
    const view = new PlainView(console.err, () => nowMs);
    for (const { atMs, event } of events) {
      nowMs = atMs;
      view.show(event);
    }
    expect(console.written.err).toMatchSnapshot();
  });

  test('shows in the live view what is on its way, and keeps one line of it', () => {
    const console = fakeConsole({ isTTY: true });
    let nowMs = 0;
    const view = new TerminalView(console, () => nowMs);
    let drawn: string[] = [];
    for (const { atMs, event } of events) {
      nowMs = atMs;
      view.show(event);
      if (atMs === 2100) drawn = view.draw(100, 24).map(stripVTControlCharacters);
    }
    view.close();
    expect({ drawn, written: stripVTControlCharacters(console.written.err) }).toMatchSnapshot();
  });
});
