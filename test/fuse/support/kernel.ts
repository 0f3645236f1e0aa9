/** Plays the kernel's side of the FUSE interface in memory: makes requests, takes answers apart. */
import { ReplyBuffer } from '../../../src/fuse/protocol/reply.ts';
import { RequestBuffer } from '../../../src/fuse/protocol/request.ts';
import { FuseSession } from '../../../src/fuse/server/session.ts';
import type { OpenDisk } from '../../../src/fuse/server/engine.ts';
import type { ControlRequest } from '../../../src/fuse/control-message.ts';

export interface Answer {
  readonly error: number;
  readonly unique: bigint;
  readonly payload: Buffer;
}

export const CONTROL_NODE = 2;

export class Kernel {
  readonly session: FuseSession;
  readonly #request = new RequestBuffer();
  readonly #reply = new ReplyBuffer();
  #unique = 0x1_0000_0002n;

  constructor(open: OpenDisk) {
    this.session = new FuseSession(open);
  }

  /** Sends exactly these bytes; undefined when no answer came. */
  raw(bytes: Uint8Array): Answer | undefined {
    this.#request.bytes.set(bytes);
    this.#request.length = bytes.length;
    const length = this.session.answer(this.#request, this.#reply);
    if (length === 0) return undefined;
    const answer = Buffer.from(this.#reply.bytes.subarray(0, length));
    if (answer.readUInt32LE(0) !== length) throw new Error('the answer does not know its own length');
    return {
      error: 0 - answer.readInt32LE(4),
      unique: answer.readBigUInt64LE(8),
      payload: answer.subarray(16),
    };
  }

  send(opcode: number, nodeId: number, body: Uint8Array = new Uint8Array()): Answer | undefined {
    const header = Buffer.alloc(40);
    header.writeUInt32LE(40 + body.length, 0);
    header.writeUInt32LE(opcode, 4);
    header.writeBigUInt64LE(this.#unique++, 8);
    header.writeBigUInt64LE(BigInt(nodeId), 16);
    return this.raw(Buffer.concat([header, body]));
  }

  /** Sends a request that must be answered. */
  ask(opcode: number, nodeId: number, body?: Uint8Array): Answer {
    const answer = this.send(opcode, nodeId, body);
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  read(nodeId: number, offset: number, size: number, handle = 0): Answer {
    return this.ask(15, nodeId, transferBody(offset, size, handle));
  }

  write(nodeId: number, offset: number, data: Uint8Array, handle = 0): Answer {
    return this.ask(16, nodeId, Buffer.concat([transferBody(offset, data.length, handle), data]));
  }

  allocate(nodeId: number, mode: number, offset: number, length: number): Answer {
    const body = Buffer.alloc(32);
    body.writeBigUInt64LE(BigInt(offset), 8);
    body.writeBigUInt64LE(BigInt(length), 16);
    body.writeUInt32LE(mode, 24);
    return this.ask(43, nodeId, body);
  }

  lookup(name: string): Answer {
    return this.ask(1, 1, Buffer.from(name + '\0'));
  }

  /** Asks through the control file, with any line of text. */
  control(request: ControlRequest | string): Record<string, unknown> {
    const handle = Number(this.ask(14, CONTROL_NODE, Buffer.alloc(8)).payload.readBigUInt64LE(0));
    const line = typeof request === 'string' ? request : JSON.stringify(request);
    this.write(CONTROL_NODE, 0, Buffer.from(line + '\n'), handle);
    const { payload } = this.read(CONTROL_NODE, 0, 65536, handle);
    const release = Buffer.alloc(24);
    release.writeBigUInt64LE(BigInt(handle));
    this.ask(18, CONTROL_NODE, release);
    return JSON.parse(payload.toString()) as Record<string, unknown>;
  }
}

function transferBody(offset: number, size: number, handle: number): Buffer {
  const body = Buffer.alloc(40);
  body.writeBigUInt64LE(BigInt(handle), 0);
  body.writeBigUInt64LE(BigInt(offset), 8);
  body.writeUInt32LE(size, 16);
  return body;
}
