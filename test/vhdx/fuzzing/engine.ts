/** Runs cases by their numbers: break a seed, examine what is left, and when something is violated say how to see it again. */
import { anyFixes, applyEdits, applyFixes, Breaker, type Edit, type Fixes } from './edits.ts';
import { examine, type Outcome } from './examine.ts';
import { anatomyOf, type Anatomy } from './fields.ts';
import { MutantFile, Violation } from './mutant-file.ts';
import { Random } from './random.ts';
import { makeSeeds, readAtOf, type Seed } from './seeds.ts';

/** So much further a single case may drive the memory of the process, garbage included. */
const MAX_GROWTH_BYTES = 96 * 1024 * 1024;

export interface CaseResult {
  readonly seed: string;
  readonly outcome: Outcome;
  /** By how much it drove the memory of the process beyond what that ever had. */
  readonly grownBytes: number;
  readonly milliseconds: number;
}

interface Subject {
  readonly seed: Seed;
  readonly anatomy: Anatomy;
}

interface Plan {
  readonly subject: Subject;
  readonly edits: readonly Edit[];
  readonly fixes: Fixes;
}

export class Fuzzer {
  readonly #subjects: readonly Subject[];
  readonly #fuzzSeed: number;

  constructor(fuzzSeed: number) {
    this.#fuzzSeed = fuzzSeed;
    this.#subjects = makeSeeds().map((seed) => ({
      seed,
      anatomy: anatomyOf(readAtOf(new MutantFile(seed.image))),
    }));
  }

  /** The sound files themselves: each of them must read. */
  soundOutcomes(): [seed: string, outcome: Outcome][] {
    return this.#subjects.map(({ seed }) => [
      seed.name,
      examine(seed, seed.image, new Random(this.#fuzzSeed, 0)),
    ]);
  }

  /** @throws Violation with the shortest list of edits that still shows it. */
  run(number: number): CaseResult {
    const plan = this.#plan(number);
    const started = performance.now();
    try {
      let [outcome, grownBytes] = this.#measured(plan, number);
      // Garbage that was not collected in time counts once; what a case takes, it takes again.
      if (grownBytes > MAX_GROWTH_BYTES) [outcome, grownBytes] = this.#measured(plan, number);
      if (grownBytes > MAX_GROWTH_BYTES) throw new Violation(`memory grew by ${grownBytes} bytes`);
      return { seed: plan.subject.seed.name, outcome, grownBytes, milliseconds: performance.now() - started };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw this.#explained(error, plan, number);
    }
  }

  #plan(number: number): Plan {
    const random = new Random(this.#fuzzSeed, number);
    const subject = random.pick(this.#subjects);
    const breaker = new Breaker(random, new MutantFile(subject.seed.image), subject.anatomy);
    return { subject, edits: breaker.breaks(), fixes: anyFixes(random) };
  }

  #measured(plan: Plan, number: number): [outcome: Outcome, grownBytes: number] {
    const before = mostMemory();
    const outcome = this.#examine(plan, number);
    return [outcome, mostMemory() - before];
  }

  #examine({ subject, edits, fixes }: Plan, number: number): Outcome {
    const file = new MutantFile(subject.seed.image);
    applyEdits(file, edits);
    applyFixes(file, subject.anatomy, fixes);
    return examine(subject.seed, file.image(), new Random(this.#fuzzSeed ^ 0x5eed, number));
  }

  /** Leaves out edits as long as something is violated without them, too. */
  #explained(error: Error, plan: Plan, number: number): Violation {
    let { edits } = plan;
    let shown = error;
    for (let i = 0; i < edits.length;) {
      const fewer = edits.filter((_, at) => at !== i);
      try {
        this.#examine({ ...plan, edits: fewer }, number);
        i++;
      } catch (still) {
        shown = still as Error;
        edits = fewer;
      }
    }
    const story = edits.map(({ what }) => `  ${what}`).join('\n');
    const fixes = Object.entries(plan.fixes).flatMap(([name, fixed]) => (fixed ? [name] : []));
    return new Violation(
      `${shown.message}\nseed ${this.#fuzzSeed}, run ${number}, file "${plan.subject.seed.name}", ` +
        `checksums made right: ${fixes.join(', ')}\n${story}`,
      { cause: shown },
    );
  }
}

/** The most memory that the process ever had, in bytes; cheap to ask for. */
function mostMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}
