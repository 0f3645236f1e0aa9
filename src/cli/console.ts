/** What a verb may use of the process it runs in, so that tests can give it another one. */
import picocolors from 'picocolors';

export type Colors = ReturnType<typeof picocolors.createColors>;

/** A stream that may be a terminal. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly writableNeedDrain?: boolean;
};

/** Where input comes from; on a terminal, what is typed can be kept from showing. */
export type InputStream = AsyncIterable<Uint8Array | string> & {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};

export interface Console {
  /** Results: what another program may read. */
  readonly out: OutputStream;
  /** Progress, warnings and errors: what a person reads. */
  readonly err: OutputStream;
  readonly input: InputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path that relative paths of the command line start from. */
  readonly cwd: string;
}

export function processConsole(): Console {
  return {
    get out() {
      return process.stdout;
    },
    get err() {
      return process.stderr;
    },
    get input() {
      return process.stdin;
    },
    env: process.env,
    cwd: process.cwd(),
  };
}

/** Colours for a stream; without effect when it is no terminal, NO_COLOR is set or TERM is dumb. FORCE_COLOR wins. */
export function colorsFor(console: Console, stream: OutputStream): Colors {
  return picocolors.createColors(wantsColor(console.env, stream));
}

function wantsColor(env: Console['env'], stream: OutputStream): boolean {
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  if (env.NO_COLOR || env.TERM === 'dumb') return false;
  return stream.isTTY === true;
}

/** When streams whose readers are slow have room again, or are closed; undefined when all have room. */
export function whenDrained(streams: readonly OutputStream[]): Promise<void> | undefined {
  const full = streams.filter(({ writableNeedDrain }) => writableNeedDrain);
  return full.length === 0 ? undefined : Promise.all(full.map(roomIn)).then(() => undefined);
}

function roomIn(stream: OutputStream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const event of ['drain', 'close']) stream.off(event, settle);
      resolve();
    };
    for (const event of ['drain', 'close']) stream.on(event, settle);
  });
}
