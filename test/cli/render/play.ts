/** A program that plays the recorded good build, at its speed, on the terminal it runs on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processConsole } from '../../../src/cli/console.ts';
import { openView } from '../../../src/cli/render/view.ts';
import { GOOD_BUILD } from './recorded.ts';

const view = await openView('tty', processConsole());
const startedMs = performance.now();
for (const { atMs, event } of GOOD_BUILD) {
  await sleep(Math.max(0, atMs * 3 - (performance.now() - startedMs)));
  view.show(event);
}
view.close();
