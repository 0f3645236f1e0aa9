/** Ctrl-C while images and layers move: status 130, nothing half done, and the next command goes on. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy, type FaultRule } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import type { Ended, RunningCommand } from './support/command.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectNoStack, expectRefusal } from './support/site.ts';

const RECIPE = 'FROM scratch\nCOPY page /page\nCOPY big /big\n';
const BIG_BYTES = 1024 * 1024;
/** More than a client that fetches keeps in memory before it writes to its disk. */
const STALLED_BYTES = 600_000;
const BLOBS = /\/blobs\//;

describeWith(MACHINE_NEEDS, 'interrupted,', () => {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  let site: Machine;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy({ target: `http://${registry.host}` });
    site = machine();
    await site.built(RECIPE, ['-t', 'web']);
  });

  afterEach(() => proxy.heal());

  afterAll(async () => {
    await site.expectNothingLeft();
    await site.expectWholeStore();
    site.remove();
    await proxy.stop();
    await registry.stop();
  });

  function machine(): Machine {
    const made = new Machine(registry.env);
    made.write({ page: 'a page\n', big: randomBytes(BIG_BYTES) });
    return made;
  }

  const newName = () => `${proxy.host}/interrupted/web-${++count}:1`;

  /** Nothing more moves in a direction, once something has. */
  function stall(direction: 'up' | 'down'): void {
    const fault: FaultRule['fault'] = { kind: 'stall', direction, afterBytes: STALLED_BYTES };
    proxy.inject({ path: BLOBS, fault });
  }

  /** Interrupts a machine's command once a blob moves, and does not any more. */
  async function interruptStalled(
    where: Machine,
    command: RunningCommand,
    direction: 'up' | 'down',
  ): Promise<Ended> {
    const isSent = () => proxy.requests.some(({ upBytes }) => upBytes >= STALLED_BYTES);
    const moved = direction === 'up' ? isSent : () => where.hasPartOf(proxy.requests, STALLED_BYTES);
    let isOver = false;
    void command.ended.then(() => (isOver = true));
    while (!moved() && !isOver) await sleep(10);
    command.signalGroup('SIGINT');
    const ended = await command.ended;
    proxy.heal();
    proxy.forget();
    return ended;
  }

  const isTagged = async (name: string) => (await site.run(['inspect', '--remote', name])).status === 0;

  test('a push in the middle of a blob leaves no tag, and the next one sends the rest', async () => {
    const name = newName();
    await site.done(['tag', 'web', name]);
    stall('up');
    const ended = await interruptStalled(site, site.start(['push', name]), 'up');
    expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
    await site.expectNothingLeft();
    expect(await isTagged(name)).toBe(false);
    await site.done(['push', name]);
    expect(await isTagged(name)).toBe(true);
  });

  test('a pull in the middle of a blob leaves no image, and the next one goes on', async () => {
    const name = newName();
    await site.done(['tag', 'web', name]);
    await site.done(['push', name]);
    const there = machine();
    proxy.forget();
    stall('down');
    const ended = await interruptStalled(there, there.start(['pull', name]), 'down');
    expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
    await there.expectNothingLeft();
    await there.expectNoImage();
    expect(there.incoming().length).toBeGreaterThan(0);
    await there.done(['pull', name]);
    const resumed = proxy.seen('GET', BLOBS).filter(({ headers }) => headers.range !== undefined);
    expect(resumed.length).toBeGreaterThan(0);
    expect(await there.imageId(name)).toBe(await site.imageId(name));
    expect(there.incoming()).toEqual([]);
    there.remove();
  });

  test.each(['--push', '--cache-to', '--cache-from'])(
    'a build with %s that waits for a registry ends',
    async (flag) => {
      const name = newName();
      const cache = `type=registry,ref=${name}`;
      const direction = flag === '--cache-from' ? 'down' : 'up';
      const there = machine();
      if (direction === 'down') await site.done(['tag', 'web', name]);
      if (direction === 'down') await site.built(RECIPE, ['--cache-to', cache]);
      // The same files, so that the cache has its steps.
      if (direction === 'down') there.take(site);
      proxy.forget();
      stall(direction);
      const flags = flag === '--push' ? ['-t', name, '--push'] : ['-t', 'web', flag, cache];
      const ended = await interruptStalled(there, there.startBuild(RECIPE, flags), direction);
      expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
      expect(ended.err).not.toMatch(/^WARNING: cache/m);
      await there.expectNothingLeft();
      expect((await there.run(['images'])).err).toBe('');
      const again = await there.built(RECIPE, flags);
      expect(again).not.toContain('WARNING');
      await there.expectWholeStore();
      there.remove();
    },
  );

  test('at any moment, a push and a pull end with 130 or were done already', async () => {
    const bytesPerSecond = 8 * 1024 * 1024;
    for (const direction of ['up', 'down'] as const)
      proxy.inject({ path: BLOBS, fault: { kind: 'slow', direction, bytesPerSecond } });
    const there = machine();
    const name = newName();
    await site.done(['tag', 'web', name]);
    for (const delayMs of [100, 250, 400, 600, 900]) {
      await interrupted(site, ['push', name], delayMs);
      if (!(await isTagged(name))) await site.done(['push', name]);
      await interrupted(there, ['pull', name], delayMs);
    }
    await there.done(['pull', name]);
    expect(await there.imageId(name)).toBe(await site.imageId(name));
    there.remove();
  });

  async function interrupted(where: Machine, args: readonly string[], delayMs: number): Promise<void> {
    const command = where.start(args);
    await sleep(delayMs);
    command.signalGroup('SIGINT');
    const ended = await command.ended;
    expectNoStack(ended.err);
    // Before the program could say anything, and once it is done, the signal ends it as it ends any.
    if (ended.signal !== null) expect(ended.err).toMatch(/^$|^(Pushed|Pulled) in /m);
    else if (ended.status !== 0) expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
    // It may not have come as far as to make a store.
    if (existsSync(where.home)) await where.expectNothingLeft();
  }
});
