/** Where the command starts. The launcher in front of it has checked the version of Node. */
import { processConsole } from './console.ts';
import { run } from './run.ts';

/** Something that keeps the process alive after its work is done must not keep the user waiting. */
const GRACE_MS = 2000;

// A reader that went away (`| head`) or a terminal that was closed is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
}

// No top-level await: the bundle is CommonJS.
void run(process.argv.slice(2), processConsole()).then((status) => {
  process.exitCode = status;
  setTimeout(() => process.exit(), GRACE_MS).unref();
});
