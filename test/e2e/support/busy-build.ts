/** A build that does a bit of everything, to be disturbed at any moment. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Site } from './site.ts';

const BIG_BYTES = 24 * 1024 * 1024;
const FILES_IN_ARCHIVE = 300;

/** Files for the recipe below: a big one, and an archive of many. */
export function writeBusyContext(site: Site): void {
  site.write({ big: randomBytes(BIG_BYTES) });
  for (let index = 0; index < FILES_IN_ARCHIVE; index++)
    site.write({ [`many/${index % 10}/${index}`]: `file ${index}\n`.repeat(index) });
  execFileSync('tar', ['-cf', 'many.tar', 'many'], { cwd: path.join(site.context) });
}

/** Five steps; different words make different steps, so that nothing comes from the cache. */
export function busyRecipe(word: string): string {
  return `FROM shell
RUN echo ${word} > /word; sleep 0.1
COPY big /big-${word}
ADD many.tar /many-${word}/
RUN for i in 1 2 3 4 5 6 7 8; do echo line $i; dd if=/dev/zero of=/zeros-$i bs=1M count=2 2>/dev/null; done
RUN rm /zeros-*; echo done > /done
`;
}

/** Moments spread evenly over a duration. */
export function moments(count: number, durationMs: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.round(((index + 0.5) * durationMs) / count));
}
