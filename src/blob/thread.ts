/**
 * A thread that packs and unpacks blobs: compressing and hashing would keep the thread that talks to the network from
 * doing that. It takes any number of jobs and works on them in turns.
 */
import { setImmediate } from 'node:timers/promises';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { isHyperfileError, systemCode } from '../base/error.ts';
import { ContentFile } from './content-file.ts';
import { Packer } from './packer.ts';
import type { JobFailure, ThreadAnswer, ThreadQuestion, UnpackJob } from './thread-messages.ts';
import { BlobUnpacker } from './unpack-blob.ts';
import type { PackJob } from './packer.ts';

/** As much as takes some milliseconds: other jobs wait no longer. */
const FRAMES_A_TURN = 4;

class Unpacking {
  readonly #file: ContentFile;
  readonly #unpacker: BlobUnpacker;
  contentBytes = 0;

  constructor({ blob, places }: UnpackJob) {
    this.#file = new ContentFile(places);
    this.#unpacker = new BlobUnpacker(blob, (content) => {
      this.#file.write(content);
      this.contentBytes += content.length;
    });
  }

  push(piece: Uint8Array): void {
    this.#unpacker.push(piece);
  }

  end(): void {
    this.#unpacker.end();
    this.#file.close();
  }

  close(): void {
    this.#file.close();
  }
}

const unpackings = new Map<number, Unpacking>();
const stopped = new Set<number>();

function serve(port: MessagePort): void {
  const answer = (message: ThreadAnswer): void => port.postMessage(message);
  port.on('message', (question: ThreadQuestion) => {
    const { job } = question;
    if (question.ask === 'pack') return void pack(job, question.pack, answer);
    try {
      unpack(question, answer);
    } catch (error) {
      drop(job);
      answer({ job, is: 'failed', failure: failureOf(error) });
    }
  });
}

function unpack(
  question: Exclude<ThreadQuestion, { ask: 'pack' }>,
  answer: (message: ThreadAnswer) => void,
): void {
  const { job } = question;
  const unpacking = unpackings.get(job);
  switch (question.ask) {
    case 'unpack':
      unpackings.set(job, new Unpacking(question.unpack));
      return;
    case 'piece':
      // One that failed gets pieces until its sender has heard of it.
      unpacking?.push(question.piece);
      answer({ job, is: 'taken', bytes: question.piece.length, contentBytes: unpacking?.contentBytes ?? 0 });
      // Given back at once: the garbage collector would let many pile up.
      question.piece.buffer.transfer(0);
      return;
    case 'end':
      if (unpacking === undefined) return;
      unpacking.end();
      unpackings.delete(job);
      answer({ job, is: 'done' });
      return;
    case 'stop':
      if (unpacking === undefined) stopped.add(job);
      drop(job);
      answer({ job, is: 'stopped' });
  }
}

function drop(job: number): void {
  unpackings.get(job)?.close();
  unpackings.delete(job);
}

async function pack(job: number, what: PackJob, answer: (message: ThreadAnswer) => void): Promise<void> {
  let packer: Packer | undefined;
  try {
    packer = new Packer(what);
    for (let frame = 1; packer.packFrame(); frame++) {
      if (frame % FRAMES_A_TURN > 0) continue;
      answer({ job, is: 'taken', bytes: 0, contentBytes: packer.packedBytes });
      await setImmediate();
      if (stopped.delete(job)) return packer.discard();
    }
    const blob = packer.finish();
    packer.close();
    answer({ job, is: 'done', blob });
  } catch (error) {
    packer?.discard();
    answer({ job, is: 'failed', failure: failureOf(error) });
  } finally {
    stopped.delete(job);
  }
}

/** What another thread can make the error of again. */
function failureOf(error: unknown): JobFailure {
  if (isHyperfileError(error)) return { code: error.code, data: error.data };
  const message = error instanceof Error ? error.message : String(error);
  const code = systemCode(error);
  return { message, ...(code !== undefined && { systemCode: code }) };
}

if (parentPort) serve(parentPort);
