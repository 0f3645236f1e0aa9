/**
 * Breaks VHDX files in their structures and looks whether anything happens that must not:
 *
 *   node scripts/fuzz-vhdx.ts [--runs 100000] [--seed 1] [--first 0]
 *
 * Prints how the runs ended. A violation ends it with the seed and the number of the run, which `--first` repeats.
 */
import { parseArgs } from 'node:util';
import { fuzzInThread } from '../test/vhdx/fuzzing/watch.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
  },
});
const [runs, seed, first] = [values.runs, values.seed, values.first].map(Number);

const summary = await fuzzInThread({
  seed,
  first,
  runs,
  onProgress: (done) => console.error(`${done} runs`),
});
console.log(`${summary.runs} runs in ${summary.seconds.toFixed(0)} s, seed ${seed}`);
console.log(
  `longest run ${summary.longestMs.toFixed(0)} ms, most memory ${(summary.mostMemory / 2 ** 20).toFixed(0)} MiB`,
);
for (const [outcome, count] of summary.outcomes) console.log(`${String(count).padStart(8)}  ${outcome}`);
if (summary.violation !== undefined) {
  console.error(summary.violation);
  process.exitCode = 1;
}
