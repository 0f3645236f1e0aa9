/** The threads that pack and unpack large blobs: as many as there are processors, started when first needed. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HyperfileError } from '../base/error.ts';
import { ownProgram } from '../base/own-program.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import type { JobFailure, ThreadAnswer, ThreadQuestion } from './thread-messages.ts';

type Ask = ThreadQuestion extends infer Q ? (Q extends { job: number } ? Omit<Q, 'job'> : never) : never;

/** One blob's work in a thread. Ended by {@link Job.done} settling, or by {@link Job.stop}. */
export interface Job {
  ask(question: Ask, transfer?: readonly ArrayBuffer[]): void;
  /** The thread is done with it; of packing, what was made. Rejects with what went wrong. */
  readonly done: Promise<LayerBlob | undefined>;
  /** Whatever the thread has taken in of it is dropped. */
  stop(): void;
}

interface JobState {
  readonly onTaken: (bytes: number, contentBytes: number) => void;
  readonly resolve: (blob: LayerBlob | undefined) => void;
  readonly reject: (error: unknown) => void;
}

class Thread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, JobState>();

  constructor() {
    this.#worker = new Worker(ownProgram(import.meta.url, 'thread.ts', 'blob-thread.cjs'), {
      execArgv: [],
      // Nearly all of a thread's memory is that of frames, which are given back by hand.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => this.#hear(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread that packs layers has ended')));
  }

  get jobCount(): number {
    return this.#jobs.size;
  }

  start(id: number, onTaken: JobState['onTaken']): Job {
    const { promise, resolve, reject } = Promise.withResolvers<LayerBlob | undefined>();
    // Whoever waits for it hears of it; nobody need wait.
    promise.catch(() => undefined);
    this.#jobs.set(id, { onTaken, resolve, reject });
    this.#worker.ref();
    return {
      done: promise,
      ask: (question, transfer = []) => {
        if (this.#jobs.has(id)) this.#worker.postMessage({ job: id, ...question }, [...transfer]);
      },
      stop: () => {
        if (!this.#jobs.has(id)) return;
        this.#worker.postMessage({ job: id, ask: 'stop' });
        this.#end(id)?.reject(new HyperfileError('INTERRUPTED'));
      },
    };
  }

  #hear(answer: ThreadAnswer): void {
    const job = this.#jobs.get(answer.job);
    if (answer.is === 'taken') job?.onTaken(answer.bytes, answer.contentBytes);
    if (answer.is === 'done') this.#end(answer.job)?.resolve(answer.blob);
    if (answer.is === 'failed') this.#end(answer.job)?.reject(errorOf(answer.failure));
  }

  #end(id: number): JobState | undefined {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (this.#jobs.size === 0) this.#worker.unref();
    return job;
  }

  #fail(error: unknown): void {
    threads.delete(this);
    for (const id of [...this.#jobs.keys()]) this.#end(id)?.reject(error);
  }
}

const threads = new Set<Thread>();
const MOST_THREADS = Math.min(4, availableParallelism());
let lastId = 0;

/** Begins work on a blob in the thread that has the least to do. */
export function startJob(onTaken: JobState['onTaken'] = () => undefined): Job {
  const [idlest] = [...threads].sort((left, right) => left.jobCount - right.jobCount);
  const isOneMore = idlest === undefined || (idlest.jobCount > 0 && threads.size < MOST_THREADS);
  const thread = isOneMore ? new Thread() : idlest;
  threads.add(thread);
  return thread.start(++lastId, onTaken);
}

const places = { free: MOST_THREADS, waiting: [] as (() => void)[] };

/**
 * Runs work that keeps a thread busy from beginning to end, when there is one for it: one after the other, the first
 * are finished, and on their way, while the last have not begun.
 */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (places.free > 0) places.free--;
  else await new Promise<void>((resolve) => places.waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = places.waiting.shift();
    if (next === undefined) places.free++;
    else next();
  }
}

/** The error as it was in the thread; a system's one has its code. */
function errorOf(failure: JobFailure): Error {
  if ('code' in failure) return new HyperfileError(failure.code, { data: failure.data });
  const code = failure.systemCode;
  return Object.assign(new Error(failure.message), code !== undefined && { code });
}
