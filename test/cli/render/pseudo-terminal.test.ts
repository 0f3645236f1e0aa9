import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeWith } from '../../support/needs.ts';
import { Screen } from './screen.ts';

const PLAY = path.join(import.meta.dirname, 'play.ts');

/** Runs a program on a pseudo-terminal of this size and returns all it wrote there. */
function onTerminal(command: string, columns: number, rows: number): string {
  const line = `stty cols ${columns} rows ${rows}; exec ${command}`;
  const env = {
    ...process.env,
    TERM: 'xterm-256color',
    NO_COLOR: undefined,
    FORCE_COLOR: undefined,
    CI: undefined,
  };
  return execFileSync('script', ['-qec', line, '/dev/null'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describeWith(['script', 'stty', '/dev/pts/ptmx'], 'on a real terminal', () => {
  test.each([
    [80, 24],
    [40, 6],
    [20, 3],
  ])('of %d columns and %d rows the live view leaves only finished lines and the totals', (columns, rows) => {
    const sent = onTerminal(`'${process.execPath}' '${PLAY}'`, columns, rows);
    const screen = new Screen(columns);
    screen.write(sent);
    expect(sent).toContain('building:');
    expect(screen.text).not.toContain('building:');
    expect(screen.text).not.toContain('cc -c');
    expect(screen.text.match(/^[●✔] /gm)).toHaveLength(3);
    expect(screen.text).toMatch(/^Built in 0\.5s/m);
    expect(screen.isCursorShown).toBe(true);
  });

  test('a terminal that becomes narrower keeps no half-drawn lines', () => {
    const sent = onTerminal(
      `sh -c "(sleep 0.9; stty cols 30 </dev/tty) & exec '${process.execPath}' '${PLAY}'"`,
      90,
      20,
    );
    expect(sent).toContain('Built in');
    const afterResize = new Screen(30);
    afterResize.write(sent.slice(sent.lastIndexOf('fetching')));
    expect(afterResize.text).not.toContain('building:');
  });
});
