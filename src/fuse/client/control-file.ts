/**
 * Asks the disk server through its control file. Only with asynchronous calls: a synchronous one would stop this
 * process's event loop while another process answers.
 */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import {
  CONTROL_FILE,
  fromFailure,
  type ControlAnswer,
  type ControlRequest,
  type ControlResult,
} from '../control-message.ts';

const READ_BYTES = 64 * 1024;

/**
 * Sends one request and returns its result. Requests may overlap: each opens the control file for itself.
 *
 * @throws HyperfileError what the server answered, FUSE_BAD_ANSWER, or a system error when there is no server
 */
export async function ask<R extends ControlRequest>(
  mountPoint: string,
  request: R,
): Promise<ControlResult<R>> {
  const file = await open(path.join(mountPoint, CONTROL_FILE), 'r+');
  try {
    await file.write(JSON.stringify(request) + '\n', 0);
    const answer = parseAnswer(await readAll(file));
    if ('failure' in answer) throw fromFailure(answer.failure);
    return answer.result as ControlResult<R>;
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle): Promise<string> {
  const parts: Buffer[] = [];
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
    parts.push(buffer.subarray(0, bytesRead));
    position += bytesRead;
    if (bytesRead === 0 || buffer[bytesRead - 1] === 0x0a) return Buffer.concat(parts).toString('utf8');
  }
}

function parseAnswer(text: string): ControlAnswer {
  try {
    const value = JSON.parse(text) as ControlAnswer;
    if (typeof value === 'object' && value !== null && ('result' in value || 'failure' in value))
      return value;
  } catch {
    // Said below.
  }
  throw new HyperfileError('FUSE_BAD_ANSWER', { data: { answer: text.slice(0, 200) } });
}
