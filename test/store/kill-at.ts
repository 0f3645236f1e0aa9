/**
 * Preloaded into a process (`--import`): kills it in the middle of the n-th operation that changes the file system, as
 * `kill -9` would. A write is half done by then. Past the last operation nothing happens.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number(process.env.KILL_AT);

/** True for the operation that is to be the last. */
function isLast(): boolean {
  return --left === 0;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way: nothing more may happen here.
  for (;;);
}

type Any = (...args: unknown[]) => unknown;
const calls = fs as unknown as Record<string, Any>;

for (const name of [
  'renameSync',
  'unlinkSync',
  'rmSync',
  'mkdirSync',
  'symlinkSync',
  'utimesSync',
  'fsyncSync',
]) {
  const original = calls[name];
  calls[name] = (...args) => (isLast() ? die() : original(...args));
}
const openSync = calls.openSync;
calls.openSync = (...args) => {
  const changes = typeof args[1] === 'string' && /[wa]/.test(args[1]);
  return changes && isLast() ? die() : openSync(...args);
};
const writeSync = fs.writeSync;
calls.writeSync = (...args) => {
  if (!isLast()) return (writeSync as Any)(...args);
  const bytes = Buffer.from(args[1] as string | Buffer);
  writeSync(args[0] as number, bytes, 0, bytes.length >> 1);
  return die();
};
const open = fs.promises.open;
fs.promises.open = async (...args) => (isLast() ? die() : open(...args));
syncBuiltinESMExports();
