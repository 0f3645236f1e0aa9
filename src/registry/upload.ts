/**
 * One blob goes up: taken over from a neighbour when one has it, else small ones in one piece, large ones as a stream,
 * or in chunks where the registry wants them. Every request may fail; what the registry has then decides what comes next.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { BlobSource, PushBlobOptions } from '../oci/repository.ts';
import { hasBlob } from './download.ts';
import { checkedPath, type Endpoint } from './endpoint.ts';
import { Attempts, isPassing } from './patience.ts';
import { UploadRequests, type Outcome, type StartedUpload, type UploadSession } from './upload-session.ts';

/** What a repository's uploads learned about its registry. */
export interface UploadHabits {
  /** It takes no more in one request. */
  chunkBytes?: number;
  /** It takes a blob in one piece only. */
  takesNoPatch?: boolean;
}

/** Up to here a blob goes up in one request after the first. */
const ONE_PIECE_BYTES = 4 << 20;
/** The sizes of chunks to try where a stream is too much; there are registries that take less than 4 MiB only. */
const CHUNK_BYTES: readonly number[] = [64 << 20, 16 << 20, 8 << 20, 3 << 20, 1 << 20, 256 << 10];
/** After so many breaks without progress it is tried in smaller pieces: something on the way may not say "too large". */
const BREAKS_BEFORE_CHUNKS = 3;
/** Small enough for a slow line to take one long before it looks stalled. */
const SENT_BYTES = 128 << 10;
/** So many repositories are asked to hand a blob over. */
const MAX_MOUNTS = 3;

export class BlobUpload {
  readonly #at: Endpoint;
  readonly #habits: UploadHabits;
  readonly #blob: Descriptor;
  readonly #source: BlobSource;
  readonly #options: PushBlobOptions;
  readonly #attempts: Attempts;
  readonly #requests: UploadRequests;
  #session: UploadSession | undefined;
  #chunkMinBytes = 0;
  /** What the registry has must be asked for before anything more is sent. */
  #isUnsure = true;
  /** A PUT was sent that may have been heard. */
  #mayBeStored = false;
  #wasDigestWrong = false;
  /** Registries say `0-0` for no byte and for one; this is what it has turned out to mean. */
  #firstByteIsThere = false;
  /** Bytes of the last request's body. */
  #lastBytes = 0;
  #sourceProblem: { readonly error: unknown } | undefined;

  constructor(
    at: Endpoint,
    habits: UploadHabits,
    blob: Descriptor,
    source: BlobSource,
    options: PushBlobOptions,
  ) {
    this.#at = at;
    this.#habits = habits;
    this.#blob = blob;
    this.#source = source;
    this.#options = options;
    this.#attempts = new Attempts(at.patience, options.signal);
    this.#requests = new UploadRequests(at, blob, options.signal);
  }

  /**
   * @throws HyperfileError REGISTRY_BLOB_REFUSED, REGISTRY_TRANSFER_BROKEN, OCI_SIZE_MISMATCH when the source has other
   *   than the announced bytes; what the source throws
   */
  async run(): Promise<'mounted' | 'uploaded'> {
    if (await this.#mount()) return 'mounted';
    for (;;) {
      const outcome = await this.#step();
      if (outcome.kind === 'stored') return 'uploaded';
      await this.#learn(outcome);
    }
  }

  /** A session that a registry opens instead of a mount is used. */
  async #mount(): Promise<boolean> {
    const prefix = `${this.#at.client.host}/`;
    const paths = (this.#options.mountFrom ?? [])
      .filter((name) => name.startsWith(prefix) && name !== this.#at.name)
      .map((name) => checkedPath(name.slice(prefix.length)));
    for (const path of [...new Set(paths)].slice(0, MAX_MOUNTS)) {
      const previous = this.#session;
      const answer = await this.#requests.mount(path);
      if (previous && answer) await this.#requests.cancel(previous);
      if (answer === 'mounted') return true;
      if (answer) this.#begin(answer);
    }
    return false;
  }

  /** One request's worth of progress. What breaks it off is an outcome, too, unless there is no use in going on. */
  async #step(): Promise<Outcome> {
    const session = this.#isUnsure ? undefined : this.#session;
    try {
      return await (session ? this.#send(session) : this.#find());
    } catch (error) {
      if (this.#sourceProblem) throw this.#sourceProblem.error;
      // A token can run out while a body streams; asking where the upload stands brings a new one.
      const mayPass = session !== undefined && isHyperfileError(error, 'REGISTRY_UNAUTHORIZED');
      if (!mayPass && !isPassing(error)) throw error;
      return { kind: 'broken', cause: error };
    }
  }

  /** Where the upload stands: done already, somewhere in the middle, or to be started. */
  async #find(): Promise<Outcome> {
    if (this.#mayBeStored && (await hasBlob(this.#at, this.#blob, this.#options))) return { kind: 'stored' };
    this.#mayBeStored = false;
    const session = this.#session && (await this.#requests.state(this.#session));
    if (session?.offset === 0 && this.#firstByteIsThere)
      return { kind: 'went-on', session: { ...session, offset: 1 } };
    if (session) return { kind: 'went-on', session };
    return { kind: 'went-on', session: this.#begin(await this.#requests.start()) };
  }

  #begin(started: StartedUpload): UploadSession {
    this.#chunkMinBytes = started.chunkMinBytes ?? 0;
    this.#isUnsure = false;
    this.#session = started;
    return started;
  }

  async #send(session: UploadSession): Promise<Outcome> {
    const { size } = this.#blob;
    const { chunkBytes = Infinity, takesNoPatch = false } = this.#habits;
    if (takesNoPatch && session.offset > 0)
      return { kind: 'session-lost', reason: 'it takes blobs in one piece only' };
    if (takesNoPatch || (session.offset === 0 && size <= Math.min(ONE_PIECE_BYTES, chunkBytes))) {
      this.#mayBeStored = true;
      this.#lastBytes = size;
      return this.#requests.put(session, () => this.#read(0, size));
    }
    if (session.offset === size) {
      this.#mayBeStored = true;
      return this.#requests.put(session);
    }
    this.#lastBytes = Math.min(size - session.offset, this.#chunkLimit());
    const outcome = await this.#requests.patch(session, this.#lastBytes, () =>
      this.#read(session.offset, this.#lastBytes),
    );
    if (outcome.kind === 'went-on' && outcome.session.offset <= session.offset)
      return { kind: 'unsure', reason: 'it took nothing of what it was sent' };
    if (outcome.kind !== 'refused' || this.#habits.takesNoPatch) return outcome;
    this.#habits.takesNoPatch = true;
    await this.#requests.cancel(session);
    return { kind: 'session-lost', reason: outcome.reason };
  }

  /** Decides what comes after something other than the end. */
  async #learn(outcome: Exclude<Outcome, { kind: 'stored' }>): Promise<void> {
    switch (outcome.kind) {
      case 'went-on':
        this.#session = outcome.session;
        this.#isUnsure = false;
        return;
      case 'refused':
        throw this.#refused(outcome.reason);
      case 'too-large':
        if (!this.#makeSmaller()) throw this.#refused(outcome.reason);
        this.#isUnsure = true;
        return;
      case 'wrong-digest':
        // Bytes may have been lost where two connections met; whoever sends them wrong twice has others.
        if (this.#wasDigestWrong) throw this.#refused(outcome.reason);
        this.#wasDigestWrong = true;
        this.#mayBeStored = false;
        this.#forget();
        return;
      case 'session-lost':
        this.#forget();
        return this.#pause(outcome.reason);
      case 'unsure':
        this.#isUnsure = true;
        return this.#pause(outcome.reason, outcome.waitMs);
      case 'misplaced':
        this.#firstByteIsThere = this.#session?.offset === 0;
        this.#isUnsure = true;
        return this.#pause(outcome.reason);
      case 'broken':
        this.#isUnsure = true;
        await this.#pause(messageOf(outcome.cause), 0, outcome.cause);
        if (this.#attempts.failures >= BREAKS_BEFORE_CHUNKS) this.#makeSmaller();
    }
  }

  #forget(): void {
    this.#session = undefined;
    this.#firstByteIsThere = false;
    this.#isUnsure = true;
  }

  async #pause(reason: string, waitMs?: number, cause?: unknown): Promise<void> {
    if (await this.#attempts.again(this.#session?.offset ?? 0, waitMs)) return;
    const { name } = this.#at;
    const { digest } = this.#blob;
    throw new HyperfileError('REGISTRY_TRANSFER_BROKEN', {
      data: { name, digest, attempts: this.#attempts.failures, reason },
      ...(cause !== undefined && { cause }),
    });
  }

  #chunkLimit(): number {
    const announced = this.#chunkMinBytes > 0 ? CHUNK_BYTES[0] : undefined;
    return Math.max(this.#habits.chunkBytes ?? announced ?? Infinity, this.#chunkMinBytes);
  }

  /** False when the registry wants no smaller pieces than it was sent. */
  #makeSmaller(): boolean {
    if (this.#habits.takesNoPatch) return false;
    const sizes = [...CHUNK_BYTES.filter((size) => size > this.#chunkMinBytes), this.#chunkMinBytes];
    const smaller = sizes.find((size) => size > 0 && size < this.#lastBytes);
    if (smaller === undefined) return false;
    // Other uploads may have learned more by now.
    this.#habits.chunkBytes = Math.min(smaller, this.#habits.chunkBytes ?? Infinity);
    return true;
  }

  /** The blob's bytes for one request. What goes wrong here is not the registry's fault. */
  async *#read(offset: number, bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const pieces = this.#source.read(offset)[Symbol.asyncIterator]();
    let doneBytes = 0;
    this.#options.onSent?.(offset);
    try {
      while (doneBytes < bytes) {
        const piece = (await this.#nextPiece(pieces)).subarray(0, bytes - doneBytes);
        for (let start = 0; start < piece.length; start += SENT_BYTES) {
          const part = piece.subarray(start, start + SENT_BYTES);
          yield part;
          doneBytes += part.length;
          this.#options.onSent?.(offset + doneBytes);
        }
      }
    } finally {
      await pieces.return?.();
    }
  }

  async #nextPiece(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
    try {
      const next = await pieces.next();
      if (!next.done) return next.value;
      const data = { name: this.#blob.digest, expected: this.#blob.size, found: 'fewer' };
      throw new HyperfileError('OCI_SIZE_MISMATCH', { data });
    } catch (error) {
      this.#sourceProblem = { error };
      throw error;
    }
  }

  #refused(reason: string): HyperfileError {
    const data = { name: this.#at.name, digest: this.#blob.digest, reason };
    return new HyperfileError('REGISTRY_BLOB_REFUSED', { data });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
