/** Takes the calls of cmdlets from a socket: one connection a call, a line of JSON each way for each thing said. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Call, type CallRequest, type Output } from './call.ts';
import { StandInError } from './errors.ts';
import { message, type Language } from './messages.ts';

export interface ServerOptions {
  readonly socketPath: string;
  readonly language: () => Language;
  readonly answer: (call: Call) => Promise<void>;
  /** A failure of the stand-in itself: the test that uses it must hear of it. */
  readonly onFault: (error: unknown) => void;
}

export interface CallServer {
  close(): void;
  /** When all that was asked before is done, also for whoever has gone without waiting for it. */
  settled(): Promise<void>;
}

export async function listen(options: ServerOptions): Promise<CallServer> {
  const calls = new Set<Promise<void>>();
  const server = createServer((socket) => {
    const call = serve(socket, options).finally(() => calls.delete(call));
    calls.add(call);
  });
  server.listen(options.socketPath);
  await once(server, 'listening');
  const settled = async (): Promise<void> => {
    await knock(options.socketPath);
    await Promise.allSettled(calls);
  };
  return { close: () => server.close(), settled };
}

/** Whoever stands before us is let in before us. */
async function knock(socketPath: string): Promise<void> {
  const socket = connect(socketPath).resume();
  socket.end();
  await once(socket, 'close');
}

async function serve(socket: Socket, options: ServerOptions): Promise<void> {
  const gone = new AbortController();
  socket.on('error', () => undefined);
  socket.on('close', () => gone.abort());
  const say = (line: object): void => {
    if (!socket.destroyed) socket.write(JSON.stringify(line) + '\n');
  };
  const fail = (error: unknown): void => {
    if (!(error instanceof StandInError)) options.onFault(error);
    say({ error: errorLine(error, options.language()) });
  };
  const line = await firstLine(socket);
  if (line === undefined) return;
  const reply = {
    output: (value: Output) => say({ output: value }),
    error: fail,
    warning: (text: string) => say({ warning: text }),
    progress: (activity: string, status: string, percent: number) =>
      say({ progress: { activity, status, percent } }),
  };
  await options.answer(new Call(JSON.parse(line) as CallRequest, reply, gone.signal)).catch(fail);
  say({ end: true });
  socket.end();
}

/** Undefined when the other side went away before it had said anything. */
function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text);
    });
    socket.on('close', () => resolve(undefined));
  });
}

function errorLine(error: unknown, language: Language): object {
  if (!(error instanceof StandInError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { id: 'StandInFault', category: 'NotSpecified', message: text, exception: 'NotImplemented' };
  }
  const { id, category, key, values, target, exception, hresult } = error;
  return { id, category, message: message(language, key, values), target, exception, hresult };
}
