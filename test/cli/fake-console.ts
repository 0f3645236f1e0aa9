/** A console that remembers what was written to it. */
import type { Console, OutputStream } from '../../src/cli/console.ts';

export interface FakeConsole extends Console {
  readonly written: { out: string; err: string };
}

export interface FakeOptions {
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
  readonly input?: string;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export function fakeConsole(options: FakeOptions = {}): FakeConsole {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') =>
    ({
      isTTY: options.isTTY ?? false,
      columns: options.columns ?? 100,
      rows: 24,
      write(text: string) {
        written[name] += text;
        return true;
      },
      on: () => undefined,
      off: () => undefined,
    }) as unknown as OutputStream;
  return {
    written,
    out: stream('out'),
    err: stream('err'),
    input: (async function* () {
      await Promise.resolve();
      if (options.input !== undefined) yield options.input;
    })(),
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
  };
}
