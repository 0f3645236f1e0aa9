/** The parts of the program that lean on the system, in Node for Windows: a host's own, or one under Wine. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { Store } from '../../src/store/store.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { fakeConsole } from '../cli/fake-console.ts';
import { describeWith } from '../support/needs.ts';
import { pathThere, runThere, windowsNode } from '../support/windows-node.ts';

const CHECKS = path.join(import.meta.dirname, 'checks.ts');
/** Without such a Node they are not known. */
const TITLES =
  windowsNode() === undefined ? [] : (await runThere(CHECKS, ['--list'])).stdout.trim().split(/\r?\n/);

const MIB = 1024 * 1024;
const [BASE, LEAF] = ['0'.repeat(32), '1'.repeat(32)] as const;

/** A store with the image `web:1`, of two layers. */
async function imageStore(folder: string): Promise<void> {
  const store = await Store.open(folder);
  const lease = await store.lease();
  const [base, leaf] = [store.adoptLayer(BASE), store.layerPath(LEAF)];
  const disk = createDisk(base.path, { sizeBytes: 64 * MIB });
  disk.write(
    new Uint8Array(9 * MIB).map((_, index) => (index * 7919) >> 5),
    0,
  );
  disk.seal();
  disk.close();
  await store.sealAdopted(base, { key: 'a'.repeat(64) });
  const sandbox = openSandbox({ chain: store.layerPath(BASE), sandboxPath: leaf });
  sandbox.write(new Uint8Array(3 * MIB).fill(9), 30 * MIB);
  sandbox.seal();
  sandbox.close();
  await store.sealLayer({ id: LEAF, parent: BASE, key: 'b'.repeat(64) });
  const config = {
    schema: 1,
    key: 'c'.repeat(64),
    created: '2026-01-02T03:04:05.000Z',
    os: 'linux',
    architecture: 'amd64',
    config: {
      env: {},
      workdir: '/',
      user: '',
      shell: ['/bin/sh', '-c'],
      labels: {},
      exposedPorts: [],
      volumes: [],
    },
    disk: { sizeBytes: 64 * MIB, rootOffset: 0, rootLength: 64 * MIB, rootType: 'ext4' },
    layers: [LEAF, BASE],
    history: [],
  } as const;
  await store.tag('web:1', await store.putImage(config));
  lease.release();
  store.close();
}

describeWith(['windows-node'], 'on Windows', () => {
  test.each(TITLES)('%s', async (title) => {
    const { status, stdout, stderr } = await runThere(CHECKS, [title]);
    expect(stdout.trim(), stderr).toBe('holds');
    expect(status).toBe(0);
  });

  test('an image comes in from another system, and goes out again byte for byte', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-windows-image-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [given, back] = ['given.tar', 'back.tar'].map((name) => path.join(folder, name)) as [
      string,
      string,
    ];
    await imageStore(path.join(folder, 'here'));
    const console = fakeConsole({ env: { HYPERFILE_STORE: path.join(folder, 'here') } });
    expect(await run(['save', 'web:1', '-o', given], console)).toBe(0);
    const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
    const env = { HYPERFILE_STORE: pathThere(path.join(folder, 'there')) };
    const calls = [
      ['load', '-i', pathThere(given)],
      ['save', 'web:1', '-o', pathThere(back)],
      ['disk', 'check', pathThere(path.join(folder, 'there', 'layers', `${LEAF}.vhdx`))],
      ['rmi', 'web:1'],
      ['prune', '--all'],
    ];
    for (const call of calls) {
      const { status, stderr } = await runThere(main, call, env);
      expect(status, `${call.join(' ')}: ${stderr}`).toBe(0);
    }
    expect(readFileSync(back).equals(readFileSync(given))).toBe(true);
    expect(readdirSync(path.join(folder, 'there', 'layers'))).toEqual([]);
  });

  test('the command says its version, and doctor what the host lacks', async () => {
    const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
    expect((await runThere(main, ['version'])).stdout).toContain('win32');
    const { stdout, stderr } = await runThere(main, ['doctor']);
    expect(stdout).toContain('\\Hyperfile');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
