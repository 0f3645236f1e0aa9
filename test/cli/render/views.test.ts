import { describe, expect, test } from 'vitest';
import { stripVTControlCharacters } from 'node:util';
import { JsonView } from '../../../src/cli/render/json.ts';
import { PlainView } from '../../../src/cli/render/plain.ts';
import { QuietView } from '../../../src/cli/render/quiet.ts';
import { TerminalView } from '../../../src/cli/render/terminal.ts';
import { textWidth } from '../../../src/cli/render/text-width.ts';
import { openView } from '../../../src/cli/render/view.ts';
import { fakeConsole } from '../fake-console.ts';
import { FAILED_BUILD, GOOD_BUILD, type RecordedEvent } from './recorded.ts';

function showPlain(build: readonly RecordedEvent[]): string {
  const console = fakeConsole();
  let nowMs = 0;
  const view = new PlainView(console.err, () => nowMs);
  for (const { atMs, event } of build) {
    nowMs = atMs;
    view.show(event);
  }
  view.close();
  return console.written.err;
}

/** What the live view has written, and what it would draw, after the events up to a moment. */
function showLive(build: readonly RecordedEvent[], untilMs: number, columns = 80, rows = 24) {
  const console = fakeConsole({ isTTY: true, columns });
  let nowMs = 0;
  const view = new TerminalView(console, () => nowMs);
  for (const { atMs, event } of build.filter((recorded) => recorded.atMs <= untilMs)) {
    nowMs = atMs;
    view.show(event);
  }
  nowMs = untilMs;
  const drawn = view.draw(columns, rows).map(stripVTControlCharacters);
  view.close();
  return { written: stripVTControlCharacters(console.written.err), drawn };
}

describe('the plain view', () => {
  test('of a good build names each step when its lines come, as BuildKit does', () => {
    expect(showPlain(GOOD_BUILD)).toMatchSnapshot();
  });

  test('of a failed build says which step failed and why', () => {
    expect(showPlain(FAILED_BUILD)).toMatchSnapshot();
  });
});

describe('the quiet view', () => {
  const show = (build: readonly RecordedEvent[]): string => {
    const console = fakeConsole();
    const view = new QuietView(console.err);
    for (const { event } of build) view.show(event);
    return console.written.err;
  };

  test('says nothing of a good build, and of a failed one what the step printed last', () => {
    expect(show(GOOD_BUILD)).toBe('');
    const failed = FAILED_BUILD.map(({ event }) =>
      event.type === 'step-end' ? event.error?.lastLines : undefined,
    );
    expect(show(FAILED_BUILD)).toBe(
      failed
        .flatMap((lines) => lines ?? [])
        .map((line) => `${line}\n`)
        .join(''),
    );
    expect(show(FAILED_BUILD)).not.toBe('');
  });
});

describe('the JSON view', () => {
  test('is every event as it was, one a line, with the time', () => {
    const console = fakeConsole();
    const view = new JsonView(console.out, () => new Date(0));
    for (const { event } of GOOD_BUILD) view.show(event);
    const lines = console.written.out.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(
      GOOD_BUILD.map(({ event }) => ({ time: '1970-01-01T00:00:00.000Z', ...event })),
    );
  });
});

describe('the live view', () => {
  test('keeps a line for each finished step and draws the running ones with their last lines', () => {
    expect(showLive(GOOD_BUILD, 250)).toMatchSnapshot();
  });

  test('ends with the totals', () => {
    expect(showLive(GOOD_BUILD, 1000).written).toMatchSnapshot();
  });

  test('shows the last lines of a failed step', () => {
    expect(showLive(FAILED_BUILD, 1000).written).toMatchSnapshot();
  });

  test.each([1, 2, 5, 10, 20, 40, 79, 200])(
    'fits a terminal %d columns wide and few rows high',
    (columns) => {
      for (const rows of [1, 2, 3, 5, 50]) {
        const { drawn } = showLive(GOOD_BUILD, 250, columns, rows);
        expect(drawn.length).toBeLessThanOrEqual(rows);
        for (const line of drawn) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      }
    },
  );
});

describe('a view', () => {
  test('is the live one on a terminal and the plain one elsewhere, unless told otherwise', async () => {
    const terminal = fakeConsole({ isTTY: true });
    const pipe = fakeConsole();
    const opened = async (...[mode, console]: Parameters<typeof openView>) => {
      const view = await openView(mode, console);
      view.close();
      return view.constructor;
    };
    expect(await opened('auto', terminal)).toBe(TerminalView);
    expect(await opened('tty', terminal)).toBe(TerminalView);
    expect(await opened('auto', pipe)).toBe(PlainView);
    expect(await opened('plain', terminal)).toBe(PlainView);
    expect(await opened('json', terminal)).toBe(JsonView);
    expect(await opened('auto', fakeConsole({ isTTY: true, env: { TERM: 'dumb' } }))).toBe(PlainView);
    expect(await opened('auto', fakeConsole({ isTTY: true, columns: 0 }))).toBe(PlainView);
    await expect(opened('tty', pipe)).rejects.toMatchObject({ code: 'CLI_NO_TERMINAL' });
  });
});
