/** A tiny Linux guest for tests: one static program, made anew on a real disk in about a second. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CommandResult, GuestCommand, RootPartition, Sandbox } from '../../../src/drivers/driver.ts';
import { NamespaceDriver, type NamespaceDriverOptions } from '../../../src/drivers/namespace/driver.ts';

/** What every test with a guest needs; see describeWith. */
export const GUEST_NEEDS = ['root', '/dev/fuse', '/dev/loop-control', 'mke2fs', 'perl', 'busybox'];

export const DISK_BYTES = 64 * 1024 ** 3;

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n';
const GROUP = 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\naudio:x:29:bob,alice\n';

export interface Ran extends CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A state folder with a base in it; remove it after the tests. */
export class Workplace {
  readonly stateFolder = mkdtempSync(path.join(tmpdir(), 'hyperfile-drivers-'));
  root!: RootPartition;
  #layers = 0;

  constructor() {
    mkdirSync(path.join(this.stateFolder, 'layers'));
  }

  driver(options: Partial<NamespaceDriverOptions> = {}): NamespaceDriver {
    return new NamespaceDriver({ stateFolder: this.stateFolder, ...options });
  }

  /** A fresh name for a layer. */
  layerPath(): string {
    return path.join(this.stateFolder, 'layers', `${++this.#layers}.vhdx`);
  }

  /** A base with nothing in it but an empty file system. */
  async makeEmptyBase(driver: NamespaceDriver): Promise<string> {
    const base = this.layerPath();
    this.root = await driver.create({ path: base, sizeBytes: DISK_BYTES });
    return base;
  }

  /** A chain whose guest has a shell and two users. */
  async makeGuest(driver: NamespaceDriver): Promise<string[]> {
    const base = await this.makeEmptyBase(driver);
    const layer = this.layerPath();
    const sandbox = await driver.open({ chain: [base], sandboxPath: layer, root: this.root });
    const write = (destination: string, content: string | Buffer, mode: string): Promise<void> =>
      sandbox.files.writeFile({ destination, name: '', content: Buffer.from(content), mode });
    await write('/bin/busybox', staticBusybox(), '0755');
    await write('/etc/passwd', PASSWD, '0644');
    await write('/etc/group', GROUP, '0644');
    await write('/etc/os-release', 'ID=test\n', '0644');
    for (const folder of ['/proc', '/sys', '/dev', '/tmp']) await sandbox.files.makeDirectory(folder);
    await run(sandbox, ['/bin/busybox', '--install', '-s', '/bin']);
    await sandbox.seal();
    await sandbox.close();
    return [layer, base];
  }

  remove(): void {
    rmSync(this.stateFolder, { recursive: true, force: true });
  }
}

export function command(argv: readonly string[], more: Partial<GuestCommand> = {}): GuestCommand {
  return { argv, env: {}, workdir: '/', user: '', network: 'host', ...more };
}

/** Runs a command and collects what it writes. */
export async function run(
  sandbox: Sandbox,
  argv: readonly string[],
  more: Partial<GuestCommand> = {},
  signal?: AbortSignal,
): Promise<Ran> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const io = { onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void chunks[stream].push(chunk) };
  const result = await sandbox.run(command(argv, more), signal ? { ...io, signal } : io);
  return {
    ...result,
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  };
}

/** Runs a line of shell. */
export function sh(sandbox: Sandbox, line: string, more: Partial<GuestCommand> = {}): Promise<Ran> {
  return run(sandbox, ['/bin/sh', '-c', line], more);
}

/** Runs a line of shell and interrupts it when it has written something. */
export function interrupted(sandbox: Sandbox, line: string): Promise<CommandResult> {
  const controller = new AbortController();
  const io = { onOutput: () => controller.abort(), signal: controller.signal };
  return sandbox.run(command(['/bin/sh', '-c', line]), io);
}

function staticBusybox(): Buffer {
  const file = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const content = readFileSync(file);
  if (content.includes('/ld-linux'))
    throw new Error('the tests need a static busybox: apt-get install busybox-static');
  return content;
}
