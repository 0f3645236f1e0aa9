/**
 * Takes a lock over and over and checks that nobody else is inside: `node lock-holder.ts <lock> <times>`. Prints `clash`
 * when somebody was. Killed at any moment it leaves the lock, and perhaps the mark of being inside, behind.
 */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { withLock } from '../../src/base/lock.ts';
import { ownerIsGone, ownerTag } from '../../src/base/owner.ts';

const [lock = '', times = '0'] = process.argv.slice(2);
const inside = `${lock}.inside`;

for (let round = 0; round < Number(times); round++) {
  await withLock(lock, {}, async () => {
    const mark = enter();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2));
    closeSync(mark);
    rmSync(inside);
  });
}
process.stdout.write('done\n');

function enter(): number {
  try {
    const mark = openSync(inside, 'wx');
    writeSync(mark, ownerTag());
    return mark;
  } catch {
    const owner = readFileSync(inside, 'utf8');
    // A mark without a name is that of a process killed between making and naming it.
    if (owner !== '' && !ownerIsGone(owner, Date.now())) process.stdout.write(`clash with ${owner}\n`);
    rmSync(inside);
    return enter();
  }
}
