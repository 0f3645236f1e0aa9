/**
 * A program for PowerShell to start in the session's tests, the same on all systems. Its first argument says what it does:
 * `print` as fast as it can, `tick` a little all the time, or `wait MARKER`, which starts another program, writes that
 * one's id to a file and waits for it.
 */
import { spawn } from 'node:child_process';
import { writeFileSync, writeSync } from 'node:fs';

const [verb, marker = ''] = process.argv.slice(2);
const print = (): unknown => writeSync(1, 'noise noise noise\n');

if (verb === 'tick') setInterval(print, 5);
else if (verb === 'wait') {
  const child = spawn(process.execPath, ['-e', 'setInterval(String, 1e6)'], { stdio: 'inherit' });
  writeFileSync(marker, String(child.pid));
} else for (;;) print();
