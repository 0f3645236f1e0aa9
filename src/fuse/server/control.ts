/**
 * The control file: whoever opens it writes one line of JSON and reads the answer. The request is carried out inside
 * the write that ends the line, between two requests of the kernel, so no disk is in use meanwhile.
 */
import { HyperfileError } from '../../base/error.ts';
import {
  toFailure,
  type ControlAnswer,
  type ControlRequest,
  type ControlResults,
} from '../control-message.ts';
import { EBADF, EINVAL } from '../protocol/constants.ts';
import type { DiskFolder } from './disk-folder.ts';
import type { OpenDisk } from './engine.ts';
import { ServedDisk } from './served-disk.ts';

/** A chain of 256 long paths fits several times. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

interface Conversation {
  parts: Buffer[];
  partBytes: number;
  answer: Buffer;
}

export class Control {
  readonly #folder: DiskFolder;
  readonly #open: OpenDisk;
  readonly #conversations = new Map<number, Conversation>();
  #nextHandle = 1;

  constructor(folder: DiskFolder, open: OpenDisk) {
    this.#folder = folder;
    this.#open = open;
  }

  /** Starts a conversation and returns its handle. */
  open(): number {
    const handle = this.#nextHandle++;
    this.#conversations.set(handle, { parts: [], partBytes: 0, answer: Buffer.alloc(0) });
    return handle;
  }

  release(handle: number): void {
    this.#conversations.delete(handle);
  }

  write(handle: number, bytes: Uint8Array): number {
    const talk = this.#conversations.get(handle);
    if (talk === undefined) return -EBADF;
    if (talk.partBytes + bytes.length > MAX_REQUEST_BYTES) return -EINVAL;
    talk.parts.push(Buffer.from(bytes));
    talk.partBytes += bytes.length;
    if (bytes[bytes.length - 1] === 0x0a) {
      const line = Buffer.concat(talk.parts).toString('utf8');
      talk.parts = [];
      talk.partBytes = 0;
      talk.answer = Buffer.from(JSON.stringify(this.#answer(line)) + '\n');
    }
    return bytes.length;
  }

  /** Copies the answer from `offset` on and returns how many bytes there were. */
  read(handle: number, offset: number, target: Uint8Array): number {
    const talk = this.#conversations.get(handle);
    if (talk === undefined) return -EBADF;
    return talk.answer.copy(target, 0, Math.min(offset, talk.answer.length));
  }

  #answer(line: string): ControlAnswer {
    let path = '';
    try {
      const request = parseRequest(line);
      path = filePath(request);
      return { result: this.#carryOut(request) };
    } catch (error) {
      return { failure: toFailure(error, path) };
    }
  }

  #carryOut(request: ControlRequest): ControlResults[keyof ControlResults] {
    switch (request.action) {
      case 'hello':
        return { pid: process.pid };
      case 'add': {
        const disk = new ServedDisk(this.#open, request);
        const { sizeBytes, logicalSectorBytes } = disk;
        return { name: this.#folder.add(disk), sizeBytes, logicalSectorBytes };
      }
      case 'seal':
        this.#folder.named(request.name).seal(request.nextPath);
        return {};
      case 'failure': {
        const { failure } = this.#folder.named(request.name);
        return failure ? { failure } : {};
      }
      case 'remove':
        this.#folder.remove(request.name);
        return {};
    }
  }
}

/** The file an error without a path of its own is about. */
function filePath(request: ControlRequest): string {
  if (request.action === 'add') return request.sandboxPath ?? request.chain[0] ?? '';
  return request.action === 'seal' ? (request.nextPath ?? request.name) : '';
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextOrAbsent = (value: unknown): boolean => value === undefined || isText(value);

/** @throws HyperfileError FUSE_BAD_REQUEST */
function parseRequest(line: string): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new HyperfileError('FUSE_BAD_REQUEST', { data: { request: line.trim().slice(0, 200) }, cause });
  }
  if (isControlRequest(value)) return value;
  throw new HyperfileError('FUSE_BAD_REQUEST', { data: { request: line.trim().slice(0, 200) } });
}

function isControlRequest(value: unknown): value is ControlRequest {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  switch (fields.action) {
    case 'hello':
      return true;
    case 'add':
      return (
        Array.isArray(fields.chain) &&
        fields.chain.length > 0 &&
        fields.chain.every(isText) &&
        isTextOrAbsent(fields.sandboxPath)
      );
    case 'seal':
      return isText(fields.name) && isTextOrAbsent(fields.nextPath);
    case 'failure':
    case 'remove':
      return isText(fields.name);
    default:
      return false;
  }
}
