/**
 * What comes out of Windows' PowerShell, byte by byte, where the tests' own cannot show it: a program that takes the lines
 * of node-powershell and answers the calls of our session by echoing their parameters. FAKE_POWERSHELL says how it
 * behaves: `crlf`, `late-output`, `code-page`, `eats-input`, `prints-into-frames`, `forgets-answers`. FAKE_LOG names a
 * file that gets a line for each command that was answered, and all its output written.
 */
import { appendFileSync, writeSync } from 'node:fs';
import readline from 'node:readline';

const behaviour = new Set((process.env.FAKE_POWERSHELL ?? '').split(','));
const newline = behaviour.has('crlf') ? '\r\n' : '\n';
/** 日本語 in code page 932. */
const FOREIGN = Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea]);

let out: Buffer[] = [];
let errors: Buffer[] = [];
let delimiters = 0;
let mark = '';
let toEat = 0;

const print = (text: string): unknown => out.push(Buffer.from(text, 'utf8'));

interface Settings {
  readonly mark: string;
}

interface CallMessage {
  readonly id: number;
  readonly parameters: object;
}

function frame(record: object): string {
  const text = Buffer.from(JSON.stringify(record)).toString('base64');
  return `<${mark}:R${text}>`;
}

/** The value in the base64 that follows a parameter's name. */
function argument<T>(line: string, name: string): T | undefined {
  const found = new RegExp(`-${name} '([^']*)'`).exec(line);
  return found ? (JSON.parse(Buffer.from(found[1], 'base64').toString('utf8')) as T) : undefined;
}

function run(line: string): void {
  const settings = argument<Settings>(line, 'Settings');
  const call = argument<CallMessage>(line, 'Call');
  if (behaviour.has('code-page')) out.push(FOREIGN);
  if (settings) {
    mark = settings.mark;
    print(
      frame({ kind: 'ready', version: '5.1', edition: 'Desktop', processId: process.pid, functions: [] }),
    );
  } else if (call) answer(call);
  else print(`ran${newline}`);
  if (behaviour.has('code-page')) out.push(FOREIGN, Buffer.from(newline));
  if (behaviour.has('eats-input')) toEat = 2;
}

function answer({ id, parameters }: CallMessage): void {
  if (behaviour.has('forgets-answers')) return void print('something else');
  const output = frame({ kind: 'output', id, value: parameters });
  if (behaviour.has('prints-into-frames')) print(`${output.slice(0, 60)}noise${output.slice(60)}`);
  else print(output);
  if (behaviour.has('prints-into-frames')) print(frame({ kind: 'end', id }).slice(0, -4));
  else print(frame({ kind: 'end', id }));
}

function take(line: string): void {
  const delimiter = /^\[Console\]::(Out|Error)\.(?:WriteLine\("(\w+)"\)|Write\('([^']+)'\))$/.exec(line);
  if (!delimiter) return run(line);
  const [, stream, printed, written] = delimiter;
  if (toEat > 0) return void toEat--;
  (stream === 'Out' ? out : errors).push(Buffer.from(written ?? `${printed}${newline}`));
  if (behaviour.has('eats-input')) return flush();
  if (++delimiters % 4 !== 0) return;
  if (behaviour.has('late-output')) print(`background${newline}`);
  flush();
}

/** All at once: what PowerShell writes in a moment reaches its reader in one chunk. */
function flush(): void {
  writeSync(2, Buffer.concat(errors));
  writeSync(1, Buffer.concat(out));
  [out, errors] = [[], []];
  if (process.env.FAKE_LOG) appendFileSync(process.env.FAKE_LOG, 'answered\n');
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line.trim() !== '') take(line.trimEnd());
  // A program that has read our lines leaves its answer behind all the same.
  if (toEat === 2) flush();
}
