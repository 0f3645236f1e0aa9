/** What must hold on Windows, each run by `node checks.ts NAME` in a process of its own: fails with what does not. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { replaceFile, syncFile, syncFolder } from '../../src/base/atomic-file.ts';
import { isHyperfileError } from '../../src/base/error.ts';
import { acquireLock, lockHolder } from '../../src/base/lock.ts';
import { writeNewFile } from '../../src/base/new-file.ts';
import { ownerIsGone, ownerTag } from '../../src/base/owner.ts';
import { runTool } from '../../src/base/process.ts';
import { isProvenAlive, proveLife } from '../../src/base/proof-of-life.ts';
import { openSession, staleSessions } from '../../src/base/session.ts';
import { adoptDisk } from '../../src/build/bases/adopt-disk.ts';
import { Store } from '../../src/store/store.ts';
import { closeLayers, openLayers } from '../../src/vhdx/ancestry.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { checkChain } from '../../src/vhdx/operations/check.ts';
import { openSandbox } from '../../src/vhdx/sandbox.ts';

const MIB = 1024 * 1024;
/** libuv: nobody else may open it meanwhile. */
const EXCLUSIVE = 0x1000_0000;

const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-check-'));
const at = (...names: string[]): string => path.join(folder, ...names);

/** Another process that does one of {@link PARTS} and then waits; it says so by making a file. */
async function start(part: keyof typeof PARTS, ...args: string[]): Promise<ChildProcess> {
  const ready = at(`ready-${Math.random()}`);
  const child = spawn(process.execPath, [import.meta.filename, part, ready, ...args], { stdio: 'ignore' });
  while (!fs.existsSync(ready)) {
    assert.equal(child.exitCode, null, `${part} ended`);
    await sleep(20);
  }
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null) await once(child, 'exit');
}

const PARTS = {
  proves: (name: string, proofs: string) => void assert(proveLife(name, proofs)),
  locks: async (lock: string) => void (await acquireLock(lock)),
  session: (state: string, file: string) => {
    openSession(state).claim(file);
    fs.writeFileSync(file, 'half');
  },
  opens: (file: string, milliseconds: string) => {
    const fd = fs.openSync(file, 'r');
    setTimeout(() => fs.closeSync(fd), Number(milliseconds));
  },
};

const CHECKS: Record<string, () => void | Promise<void>> = {
  'a process has its proof until it ends, however it ends': async () => {
    const child = await start('proves', 'one', at('alive'));
    assert.equal(isProvenAlive('one', at('alive')), true);
    assert.equal(isProvenAlive('two', at('alive')), false);
    await kill(child);
    assert.equal(isProvenAlive('one', at('alive')), false);
    assert.deepEqual(fs.readdirSync(at('alive')), []);
  },

  'an owner is gone although its process id is somebody else': () => {
    const tag = ownerTag();
    assert.match(tag, /^\d+-\d+-/);
    assert.equal(ownerIsGone(tag, 0), false);
    assert.equal(ownerIsGone(tag.replace(/-(\d+)-/, '-1$1-'), Date.now()), true);
    assert.equal(ownerIsGone(tag.replace(/-\d+-/, '-x-'), 0), false);
  },

  'a lock is held, and taken over from a process that was killed': async () => {
    const child = await start('locks', at('lock'));
    assert.equal(lockHolder(at('lock'))?.pid, child.pid);
    await assert.rejects(acquireLock(at('lock'), { timeoutMs: 50 }), { code: 'LOCK_TIMEOUT' });
    await kill(child);
    (await acquireLock(at('lock'))).release();
    assert.equal(fs.existsSync(at('lock')), false);
  },

  'a file that somebody reads is replaced as soon as it is let go': async () => {
    fs.writeFileSync(at('file'), 'old');
    await start('opens', at('file'), '300');
    assert.equal(fs.readFileSync(at('file'), 'utf8'), 'old');
    replaceFile(at('file'), 'new');
    assert.equal(fs.readFileSync(at('file'), 'utf8'), 'new');
    await syncFile(at('file'));
    await syncFolder(folder);
  },

  'a new file comes into being whole, and replaces nothing': async () => {
    const write = (text: string) =>
      writeNewFile(at('new'), ({ path: name }) => fs.promises.writeFile(name, text));
    await write('one');
    await assert.rejects(write('two'), { code: 'OUTPUT_EXISTS' });
    assert.equal(fs.readFileSync(at('new'), 'utf8'), 'one');
    assert.deepEqual(fs.readdirSync(folder), ['new']);
  },

  'what a killed session had not finished is removed': async () => {
    const child = await start('session', at('state'), at('half'));
    assert.deepEqual(staleSessions(at('state')), []);
    await kill(child);
    const [stale] = staleSessions(at('state'));
    assert.deepEqual(stale?.files, [at('half')]);
    stale?.remove();
    assert.equal(fs.existsSync(at('half')), false);
    assert.deepEqual(fs.readdirSync(at('state', 'run')), []);
  },

  'a disk on another drive than its parent tells only the whole path': () => {
    const other = fs.mkdtempSync(path.join(import.meta.dirname, 'tmp-'));
    try {
      createVhdx(path.join(other, 'base.vhdx'), { sizeBytes: 8 * MIB });
      createChild(at('child.vhdx'), path.join(other, 'base.vhdx'));
      const layers = openLayers(at('child.vhdx'));
      closeLayers(layers);
      assert.equal(layers[1]?.path, path.join(other, 'base.vhdx'));
      const { entries } = layers[0].locator!;
      const isElsewhere = path.parse(other).root.toLowerCase() !== path.parse(folder).root.toLowerCase();
      assert.equal(entries.has('relative_path'), !isElsewhere);
      assert.equal(entries.get('absolute_win32_path'), `\\\\?\\${path.join(other, 'base.vhdx')}`);
      for (const { findings } of checkChain(at('child.vhdx'))) assert.deepEqual(findings.listed, []);
    } finally {
      fs.rmSync(other, { recursive: true, force: true });
    }
  },

  'a layer that gave most of itself up again is written anew over its open file': () => {
    createVhdx(at('base.vhdx'), { sizeBytes: 256 * MIB });
    const sandbox = openSandbox({ chain: at('base.vhdx'), sandboxPath: at('layer.vhdx') });
    sandbox.write(new Uint8Array(96 * MIB).fill(7), 0);
    sandbox.zero(0, 95 * MIB);
    const renamed: string[] = [];
    const { renameSync } = fs;
    fs.renameSync = (from, to) => {
      renameSync(from, to);
      renamed.push(path.basename(String(to)));
    };
    syncBuiltinESMExports();
    sandbox.seal();
    sandbox.close();
    assert.equal(renamed.at(-1), 'layer.vhdx', 'it was not written anew');
    assert.deepEqual(fs.readdirSync(folder).sort(), ['base.vhdx', 'layer.vhdx']);
    const layers = openLayers(at('layer.vhdx'));
    closeLayers(layers);
    assert.equal(layers.length, 2);
  },

  'a disk that a machine has open is said to be in use': () => {
    createVhdx(at('disk.vhdx'), { sizeBytes: 8 * MIB });
    const attached = fs.openSync(at('disk.vhdx'), fs.constants.O_RDWR | EXCLUSIVE);
    assert.throws(() => openLayers(at('disk.vhdx')), {
      code: 'DISK_IO',
      message: /another program, or a virtual machine, has it open/,
    });
    fs.closeSync(attached);
    closeLayers(openLayers(at('disk.vhdx')));
  },

  'a base is a file of its own that can be flushed, although the one it is made of is read-only':
    async () => {
      createVhdx(at('base.vhdx'), { sizeBytes: 8 * MIB });
      fs.chmodSync(at('base.vhdx'), 0o444);
      const workshop = { signal: new AbortController().signal, progress: () => () => undefined };
      await adoptDisk(at('base.vhdx'), at('layer.vhdx'), workshop as never, 1 as never);
      assert.equal(fs.statSync(at('layer.vhdx')).nlink, 1);
      await syncFile(at('layer.vhdx'));
      assert(fs.readFileSync(at('layer.vhdx')).equals(fs.readFileSync(at('base.vhdx'))));
    },

  'a store takes layers, and a prune leaves what is open to a later one': async () => {
    const store = await Store.open(at('store'));
    const { id, path: file } = store.newLayer();
    createVhdx(file, { sizeBytes: 8 * MIB });
    const record = await store.sealLayer({ id });
    assert(record.allocatedBytes > 0);
    store.close();
    const attached = fs.openSync(file, fs.constants.O_RDWR | EXCLUSIVE);
    const again = await Store.open(at('store'));
    assert.deepEqual((await again.prune()).layers, [id]);
    assert.equal(fs.existsSync(file), true);
    fs.closeSync(attached);
    assert.equal((await again.prune()).garbageFiles, 1);
    assert.equal(fs.existsSync(file), false);
    again.close();
  },

  'programs are found by PATH and PATHEXT, and never in the current folder': async () => {
    fs.mkdirSync(at('bin'));
    fs.writeFileSync(at('bin', 'helper.cmd'), '@echo %1\r\n@more\r\n');
    fs.writeFileSync(at('stranger.cmd'), '@echo stranger\r\n');
    const env = { PATH: `${at('bin')};${process.env.PATH}` };
    const options = { env, cwd: folder, input: 'a secret' };
    const { stdout } = await runTool('helper', ['a" & echo injected'], options);
    assert.match(stdout, /^"a"+ & echo injected"\r\na secret/);
    process.chdir(folder);
    await assert.rejects(runTool('stranger', [], options), (error) =>
      isHyperfileError(error, 'TOOL_MISSING'),
    );
    process.chdir(tmpdir());
  },
};

const [name = '', ready, ...args] = process.argv.slice(2);
if (name in PARTS) {
  const part: (...all: string[]) => void | Promise<void> = PARTS[name as keyof typeof PARTS];
  await part(...args);
  fs.writeFileSync(ready, '');
  setInterval(() => undefined, 60_000);
} else if (name === '--list') {
  console.log(Object.keys(CHECKS).join('\n'));
} else {
  try {
    await CHECKS[name]();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log('holds');
  process.exit();
}
