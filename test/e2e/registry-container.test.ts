/** Ordinary Dockerfiles on container images of a registry, whatever happens on the way. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy, type FaultRule } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { moments } from './support/busy-build.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectRefusal } from './support/site.ts';

const MIB = 1024 * 1024;
const BLOBS = /\/blobs\/sha256:/;
const DOCKERFILE = 'FROM tiny:1\nRUN echo built > /built\n';

describeWith([...MACHINE_NEEDS, 'umoci', 'skopeo'], 'FROM a container image of a registry', () => {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  let site: Machine;

  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy({ target: `http://${registry.host}` });
    pushContainer(registry);
  });

  beforeEach(() => {
    // As Docker's own default, names without a host are found below `library/`.
    site = new Machine({ ...registry.env, HYPERFILE_DEFAULT_REGISTRY: proxy.host });
  });

  afterEach(async () => {
    proxy.heal();
    proxy.forget();
    await site.expectNothingLeft();
    await site.expectWholeStore();
    site.remove();
  });

  afterAll(async () => {
    await proxy.stop();
    await registry.stop();
  });

  const slow = () =>
    proxy.inject({ path: BLOBS, fault: { kind: 'slow', direction: 'down', bytesPerSecond: 8 * MIB } });

  async function expectBuilds(): Promise<void> {
    await site.built(DOCKERFILE, ['-t', 'web']);
    expect(await site.fileOf('web', '/built')).toBe('built\n');
  }

  const passing: readonly (readonly [string, FaultRule])[] = [
    [
      'breaks in the middle',
      { path: BLOBS, times: 3, fault: { kind: 'cut', direction: 'down', afterBytes: 200_000 } },
    ],
    ['is down for a moment', { times: 2, fault: { kind: 'answer', status: 503 } }],
    ['drops connections', { times: 2, fault: { kind: 'drop' } }],
  ];

  test.each(passing)('that %s is built on', async (_, rule) => {
    const fault = proxy.inject(rule);
    await expectBuilds();
    expect(fault.hits).toBeGreaterThan(0);
  });

  test('of which a byte is changed on the way fails at its line, and builds when that is over', async () => {
    proxy.inject({ path: BLOBS, fault: { kind: 'corrupt', direction: 'down', atByte: 1.5 * MIB } });
    const ended = await site.build(DOCKERFILE);
    expect(ended.err).toMatch(/1 \| FROM tiny:1/);
    expectRefusal(ended, 4, [/OCI_DIGEST_MISMATCH|FS_ARCHIVE_CORRUPT/]);
    proxy.heal();
    await expectBuilds();
  });

  test('that is interrupted ends with 130, and the next build goes on', async () => {
    proxy.inject({ path: BLOBS, fault: { kind: 'stall', direction: 'down', afterBytes: MIB } });
    const build = site.startBuild(DOCKERFILE);
    let isOver = false;
    void build.ended.then(() => (isOver = true));
    while (!site.hasPartOf(proxy.requests, MIB) && !isOver) await sleep(10);
    build.signalGroup('SIGINT');
    expectRefusal(await build.ended, 130, ['interrupted']);
    await site.expectNothingLeft();
    proxy.heal();
    proxy.forget();
    await expectBuilds();
    expect(proxy.seen('GET', BLOBS).some(({ headers }) => headers.range !== undefined)).toBe(true);
    expect(site.incoming()).toEqual([]);
  });

  test('that is killed anywhere leaves no image, and the next pull makes it', async () => {
    slow();
    const other = new Machine({ ...registry.env, HYPERFILE_DEFAULT_REGISTRY: proxy.host });
    const startedMs = performance.now();
    await other.done(['pull', 'tiny:1']);
    other.remove();
    for (const delayMs of moments(8, performance.now() - startedMs)) {
      const pull = site.start(['pull', 'tiny:1']);
      await sleep(delayMs);
      pull.signal('SIGKILL');
      const { signal } = await pull.ended;
      expect((await site.run(['images'])).err).toBe('');
      await site.expectNothingLeft();
      if (signal !== null && (await site.done(['images', '-q'])).out === '') await site.expectNoImage();
    }
    await site.done(['pull', 'tiny:1']);
    proxy.heal();
    await expectBuilds();
    expect(site.incoming()).toEqual([]);
  });
});

/** `library/tiny:1`: a shell, and a layer that takes its time. */
function pushContainer({ host, folder }: TestRegistry): void {
  const layout = path.join(folder, 'tiny');
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const big = path.join(folder, 'big');
  writeFileSync(big, randomBytes(2 * MIB));
  const link = path.join(folder, 'sh');
  run('ln', '-s', 'busybox', link);
  run('umoci', 'init', '--layout', layout);
  run('umoci', 'new', '--image', `${layout}:1`);
  run('umoci', 'insert', '--image', `${layout}:1`, busybox, '/bin/busybox');
  run('umoci', 'insert', '--image', `${layout}:1`, link, '/bin/sh');
  run('umoci', 'insert', '--image', `${layout}:1`, big, '/big');
  const copy = ['--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false'];
  run('skopeo', ...copy, `oci:${layout}:1`, `docker://${host}/library/tiny:1`);
}
