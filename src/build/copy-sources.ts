/**
 * What the steps of a stage copy from. A stage or image is opened when the first of them needs it, and is open until they
 * all have what they want: to read one may mean to boot it.
 */
import type { OpenRequest, Sandbox } from '../drivers/driver.ts';
import type { SourceTree } from '../fs/source-tree.ts';
import type { CopyStep } from '../plan/step.ts';
import { copyOrigin, type Origin } from './copy-origin.ts';
import type { StageResult } from './stage-runner.ts';
import type { Workshop } from './workshop.ts';

interface View {
  readonly sandbox: Promise<Sandbox>;
  /** By the paths that they were asked for. */
  readonly trees: Map<string, Promise<SourceTree>>;
  /** One question at a time. */
  last: Promise<unknown>;
}

export interface CopySourcesParts {
  readonly workshop: Workshop;
  readonly stage: (index: number) => Promise<StageResult>;
  /** As {@link OpenRequest.onStatus}. */
  readonly onStatus: NonNullable<OpenRequest['onStatus']>;
}

export class CopySources {
  readonly #parts: CopySourcesParts;
  readonly #workshop: Workshop;
  /** By leaf. */
  readonly #views = new Map<string, View>();
  /** Ends what nobody waits for any more. */
  #over = new AbortController();

  constructor(parts: CopySourcesParts) {
    this.#parts = parts;
    this.#workshop = parts.workshop;
  }

  /** Waits for a stage to be finished, or for an image to be found; undefined: the context. */
  async origin({ from }: CopyStep): Promise<Origin | undefined> {
    return from.kind === 'context' ? undefined : copyOrigin(from, this.#workshop, this.#parts.stage);
  }

  /** The tree that has what a step copies. */
  async tree(step: CopyStep): Promise<SourceTree> {
    const origin = await this.origin(step);
    if (origin === undefined) return this.#workshop.context;
    const view = this.#view(origin);
    const asked = JSON.stringify(step.paths);
    let tree = view.trees.get(asked);
    if (tree === undefined) {
      const signal = this.#signal;
      const ask = async (): Promise<SourceTree> =>
        (await view.sandbox).files.asSource({ sources: step.paths, signal });
      tree = view.last.then(ask);
      view.trees.set(asked, tree);
      view.last = tree.catch(() => undefined);
    }
    return tree;
  }

  /** What is asked for later is opened anew. */
  async close(): Promise<void> {
    const views = [...this.#views.values()];
    this.#views.clear();
    this.#over.abort();
    this.#over = new AbortController();
    const closed = await Promise.allSettled(
      views.map(async ({ sandbox, last }) => {
        await last;
        const opened = await sandbox.catch(() => undefined);
        await opened?.close();
      }),
    );
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#workshop.signal, this.#over.signal]);
  }

  #view(origin: Origin): View {
    const [leaf = ''] = origin.layers;
    let view = this.#views.get(leaf);
    if (view === undefined) {
      const sandbox = this.#workshop.openReadOnly(origin, {
        onStatus: this.#parts.onStatus,
        signal: this.#signal,
      });
      view = { sandbox, trees: new Map(), last: Promise.resolve() };
      this.#views.set(leaf, view);
    }
    return view;
  }
}
