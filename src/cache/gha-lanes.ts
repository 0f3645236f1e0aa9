/**
 * Requests to GitHub's cache service: some threads, each with a folder of its own, that take one request at a time.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { HyperfileError } from '../base/error.ts';
import { ownProgram } from '../base/own-program.ts';
import { openSession, type Session } from '../base/session.ts';
import { Limiter } from '../transfer/limits.ts';
import type { GhaAnswer, GhaRequest, GhaWorkerData } from './gha-worker.ts';

const LANES = 4;

/**
 * GNU tar's options (tar manual, "TAR_OPTIONS"). The package unpacks with `-P`, which would let an entry write any file
 * of the host: absolute names and `..` are taken out of names and link targets.
 */
const SAFE_TAR = '--transform=s,^/*,, --transform=s,[.][.],__,g --no-same-owner';

export interface GhaService {
  readonly url: string;
  readonly token: string;
}

interface Lane {
  readonly worker: Worker;
  /** Holds what is restored, and what is to be saved. */
  readonly folder: string;
}

export class GhaLanes {
  readonly #service: GhaService;
  readonly #env: NodeJS.ProcessEnv;
  readonly #session: Session;
  readonly #limiter = new Limiter(LANES);
  readonly #idle: Lane[] = [];
  readonly #busy = new Set<Lane>();
  #made = 0;

  /** `stateFolder`: where threads have their folders; see {@link openSession}. */
  constructor(service: GhaService, env: NodeJS.ProcessEnv, stateFolder: string) {
    this.#service = service;
    this.#env = env;
    this.#session = openSession(stateFolder);
  }

  /** A new file name in a folder that is gone when the lanes are closed. */
  newFile(): string {
    return path.join(this.#session.folder, `file-${++this.#made}`);
  }

  /**
   * Does one request. `before` fills the entry's folder for a save; `after` takes what a restore put there.
   *
   * @returns what `after` returns; undefined when there is no such entry
   * @throws HyperfileError CACHE_SERVICE_FAILED, CACHE_NO_SERVICE, INTERRUPTED
   */
  async ask<T>(
    request: GhaRequest,
    signal: AbortSignal,
    {
      before,
      after,
    }: { before?: (entry: string) => Promise<void>; after: (entry: string) => Promise<T> | T },
  ): Promise<T | undefined> {
    return this.#limiter.run(signal, async () => {
      const lane = this.#idle.pop() ?? this.#newLane();
      this.#busy.add(lane);
      let isClean = false;
      try {
        const entry = path.join(lane.folder, 'entry');
        rmSync(entry, { recursive: true, force: true });
        if (before) {
          mkdirSync(entry);
          await before(entry);
        }
        const answer = await converse(lane.worker, request, signal);
        isClean = true;
        return this.#isFound(answer) ? await after(entry) : undefined;
      } finally {
        this.#busy.delete(lane);
        if (isClean) this.#idle.push(lane);
        else await lane.worker.terminate();
      }
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#idle, ...this.#busy].map(({ worker }) => worker.terminate()));
    this.#session.close();
  }

  #isFound(answer: GhaAnswer): boolean {
    if ('found' in answer) return answer.found;
    if ('failure' in answer)
      throw new HyperfileError('CACHE_SERVICE_FAILED', { data: { reason: this.#redact(answer.failure) } });
    throw new HyperfileError('CACHE_NO_SERVICE', {
      data: { problem: 'the package @actions/cache is not installed' },
      hint: 'Install it beside hyperfile: npm install @actions/cache',
    });
  }

  #newLane(): Lane {
    const folder = path.join(this.#session.folder, `lane-${++this.#made}`);
    mkdirSync(path.join(folder, 'temp'), { recursive: true });
    const data: GhaWorkerData = { folder };
    const worker = new Worker(ownProgram(import.meta.url, 'gha-worker.ts', 'gha-worker.cjs'), {
      workerData: data,
      execArgv: [],
      env: {
        ...this.#env,
        ACTIONS_CACHE_SERVICE_V2: 'true',
        ACTIONS_RESULTS_URL: this.#service.url,
        ACTIONS_RUNTIME_TOKEN: this.#service.token,
        GITHUB_WORKSPACE: folder,
        RUNNER_TEMP: path.join(folder, 'temp'),
        TAR_OPTIONS: SAFE_TAR,
      },
    });
    worker.unref();
    return { worker, folder };
  }

  /** Signed addresses and the job's token are secrets. */
  #redact(text: string): string {
    return text.replaceAll(this.#service.token, '***').replace(/(sig|token)=[^&\s"']+/gi, '$1=***');
  }
}

/** One question, one answer. @throws HyperfileError INTERRUPTED, CACHE_SERVICE_FAILED when the thread ends */
function converse(worker: Worker, request: GhaRequest, signal: AbortSignal): Promise<GhaAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<GhaAnswer>();
  const onError = (error: Error): void =>
    reject(new HyperfileError('CACHE_SERVICE_FAILED', { data: { reason: error.message }, cause: error }));
  const onExit = (): void => onError(new Error('the thread that talks to it has ended'));
  const onAbort = (): void => reject(new HyperfileError('INTERRUPTED'));
  worker.once('message', resolve).once('error', onError).once('exit', onExit);
  signal.addEventListener('abort', onAbort, { once: true });
  worker.ref();
  if (signal.aborted) onAbort();
  else worker.postMessage(request);
  return promise.finally(() => {
    worker.off('message', resolve).off('error', onError).off('exit', onExit);
    signal.removeEventListener('abort', onAbort);
    worker.unref();
  });
}
