/**
 * Other people's readers as judges of our files: 7-Zip, libvhdi (one long-lived Python process answers for all files) and
 * qemu-img. Each says what a disk holds, or that it would not read it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { buffer, text } from 'node:stream/consumers';

/** What a program made of a file. */
export interface Verdict {
  /** Its exit status. */
  readonly status: number;
  /** It exited with success and had nothing to complain about. */
  readonly isClean: boolean;
  /** What it printed: in a failed comparison the reader wants to see it. */
  readonly said: string;
}

/** Runs a program to its end. */
async function run(program: string, ...args: string[]): Promise<Verdict & { bytes: Buffer; errors: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [bytes, errors, [status]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  const said = bytes.length < 65536 ? bytes.toString('latin1') + errors : errors;
  return { status: status ?? -1, isClean: status === 0, said, bytes, errors };
}

/** The virtual disk of a chain as 7-Zip extracts it. Clean: it has no error to tell, and no warning. */
export async function sevenZip(file: string): Promise<Verdict & { bytes: Buffer }> {
  const { status, bytes, errors } = await run('7zz', 'x', '-so', file);
  return { status, isClean: status === 0 && errors.trim() === '', said: errors.trim(), bytes };
}

export function qemuImg(...args: string[]): Promise<Verdict> {
  return run('qemu-img', ...args);
}

/** `qemu-img check`. */
export function qemuCheck(file: string): Promise<Verdict> {
  return qemuImg('check', '-f', 'vhdx', file);
}

/** The virtual disk as `qemu-img convert` writes it beside the file; undefined when it refuses. */
export async function qemuContents(file: string): Promise<Buffer | undefined> {
  const raw = `${file}.raw`;
  try {
    const { isClean } = await qemuImg('convert', '-f', 'vhdx', '-O', 'raw', file, raw);
    return isClean ? fs.readFileSync(raw) : undefined;
  } finally {
    fs.rmSync(raw, { force: true });
  }
}

/** `qemu-img compare` of a file with a model. */
export async function qemuCompare(file: string, model: Buffer): Promise<Verdict> {
  const raw = `${file}.raw`;
  fs.writeFileSync(raw, model);
  try {
    return await qemuImg('compare', '-f', 'vhdx', '-F', 'raw', file, raw);
  } finally {
    fs.rmSync(raw, { force: true });
  }
}

const LIBVHDI_SERVER = `
import hashlib, json, sys
import pyvhdi
for line in sys.stdin:
    question = json.loads(line)
    opened = []
    try:
        for name in reversed(question['files']):
            disk = pyvhdi.file()
            disk.open(name)
            if opened: disk.set_parent(opened[-1])
            opened.append(disk)
        size = opened[-1].get_media_size()
        ranges = question['ranges'] or [[at, min(1 << 20, size - at)] for at in range(0, size, 1 << 20)]
        sums = [hashlib.sha256(opened[-1].read_buffer_at_offset(n, at)).hexdigest() for at, n in ranges]
        answer = {'size': size, 'sums': sums}
    except Exception as error:
        answer = {'error': str(error)}
    for disk in reversed(opened): disk.close()
    print(json.dumps(answer), flush=True)
`;

export interface LibvhdiAnswer {
  readonly size?: number;
  /** SHA-256 of every range, or of every megabyte. */
  readonly sums?: readonly string[];
  readonly error?: string;
}

/** libvhdi behind a pipe. Parents are handed to it, so it looks for none itself. */
export class Libvhdi {
  readonly #process = spawn('/usr/bin/python3', ['-c', LIBVHDI_SERVER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  readonly #answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  /** `files` leaf first. Without `ranges` the whole disk is read, a megabyte a time. */
  async read(
    files: readonly string[],
    ranges?: readonly (readonly [number, number])[],
  ): Promise<LibvhdiAnswer> {
    this.#process.stdin.write(`${JSON.stringify({ files, ranges: ranges ?? null })}\n`);
    const { value } = await this.#answers.next();
    if (value === undefined) throw new Error('the Python process ended');
    return JSON.parse(value) as LibvhdiAnswer;
  }

  /** What {@link read} answers for a disk with these contents. */
  static expected(model: Buffer): LibvhdiAnswer {
    const sums: string[] = [];
    for (let at = 0; at < model.length; at += 1 << 20) sums.push(sha256(model.subarray(at, at + (1 << 20))));
    return { size: model.length, sums };
  }

  close(): void {
    this.#process.stdin.end();
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
