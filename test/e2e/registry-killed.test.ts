/** Commands that are killed outright on the way to or from a registry: nothing half done shows, and the next one finishes. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { cacheWarnings, Machine, MACHINE_NEEDS } from './support/registry-machine.ts';

const MIB = 1024 * 1024;
const MOMENTS = 9;
/** Of the layer that takes its time. */
const BIG_BYTES = 3 * MIB;
/** Slow enough that most moments are in the middle of a blob. */
const BYTES_PER_SECOND = 6 * MIB;
const SEED = 20_240_611;

describeWith(MACHINE_NEEDS, 'killed outright,', () => {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  const machines: Machine[] = [];

  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy({ target: `http://${registry.host}` });
    for (const direction of ['up', 'down'] as const)
      proxy.inject({
        path: /\/blobs\//,
        fault: { kind: 'slow', direction, bytesPerSecond: BYTES_PER_SECOND },
      });
  });

  afterAll(async () => {
    for (const each of machines) each.remove();
    await proxy.stop();
    await registry.stop();
  });

  function machine(): Machine {
    const made = new Machine(registry.env);
    made.write({ page: 'a page\n', big: randomBytes(BIG_BYTES) });
    machines.push(made);
    return made;
  }

  /** One that has an image `web`. */
  async function builder(): Promise<Machine> {
    const made = machine();
    await made.built('FROM scratch\nCOPY page /page\nCOPY big /big\n', ['-t', 'web']);
    return made;
  }

  /** Starts a command and kills it at a moment; then nothing of it shows but what the next command may go on with. */
  async function kill(site: Machine, args: readonly string[], moment: () => Promise<unknown>): Promise<void> {
    const command = site.start(args);
    await moment();
    command.signal('SIGKILL');
    await command.ended;
    expect((await site.run(['images'])).err).toBe('');
    await site.expectNothingLeft();
    expect(site.incoming().filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
  }

  /** In the middle of a blob, however slow the machine: the rest of it does not come before the kill. */
  async function untilArriving(site: Machine, blobs: RegExp): Promise<void> {
    const stalled = proxy.inject({
      path: blobs,
      fault: { kind: 'stall', direction: 'down', afterBytes: MIB },
    });
    while (!site.hasPartOf(proxy.requests, MIB)) await sleep(10);
    stalled.remove();
  }

  async function timed(work: () => Promise<unknown>): Promise<number> {
    const startedMs = performance.now();
    await work();
    return performance.now() - startedMs;
  }

  describe.concurrent('side by side,', () => {
    test('a push leaves no tag without its image, and the next one finishes it', async () => {
      const here = await builder();
      const digests = new Set<string>();
      const nameOf = (index: number) => `${proxy.host}/killed/push-${index}:1`;
      const push = async (name: string) => digests.add((await here.done(['push', '-q', name])).out.trim());
      await here.done(['tag', 'web', nameOf(MOMENTS)]);
      const wholeMs = await timed(() => push(nameOf(MOMENTS)));
      for (const [index, delayMs] of randomMoments(MOMENTS, wholeMs).entries()) {
        // Killed three times each, and then let through.
        const name = nameOf(Math.floor(index / 3));
        if (index % 3 === 0) await here.done(['tag', 'web', name]);
        await kill(here, ['push', name], () => sleep(delayMs));
        await expectNoBrokenTag(name);
        if (index % 3 === 2) await push(name);
      }
      expect(digests.size).toBe(1);
      const there = machine();
      await there.done(['pull', nameOf(0)]);
      for (const [file, digest] of there.layers()) expect(here.layers().get(file)).toBe(digest);
    });

    test('a pull leaves no image, and the next one fetches only what had not arrived', async () => {
      const here = await builder();
      const name = `${proxy.host}/killed/pull:1`;
      await here.done(['tag', 'web', name]);
      await here.done(['push', name]);
      const wholeMs = await timed(() => machine().done(['pull', name]));
      let there = machine();
      const arriving = () => untilArriving(there, /\/killed\/pull\/blobs\//);
      let resumed = await expectGoesOn(there, () => kill(there, ['pull', name], arriving));
      for (const [index, delayMs] of randomMoments(MOMENTS, wholeMs).entries()) {
        resumed += await expectGoesOn(there, () => kill(there, ['pull', name], () => sleep(delayMs)));
        const { out } = await there.done(['images', '-q']);
        if (out === '' && index % 3 !== 2) continue;
        resumed += await expectGoesOn(there, () => there.done(['pull', name]));
        expect(await there.imageId(name)).toBe(await here.imageId('web'));
        for (const file of await there.chainOf(name)) {
          const layer = path.basename(file);
          expect(there.layers().get(layer)).toBe(here.layers().get(layer));
        }
        expect(there.incoming()).toEqual([]);
        there = machine();
      }
      expect(resumed).toBeGreaterThan(0);
    });

    test('a build leaves a cache of whole records, and the next one finishes it', async () => {
      const site = machine();
      const cache = `type=registry,ref=${proxy.host}/killed/cache`;
      const recipe = (word: string) => `FROM scratch\nCOPY page /${word}\nCOPY big /big-${word}\n`;
      const build = (word: string) => site.build(recipe(word), ['--cache-to', cache]);
      const wholeMs = await timed(() => build('whole'));
      for (const [index, delayMs] of randomMoments(MOMENTS, wholeMs).entries()) {
        // What was built before a build was killed is there for the next.
        const word = `word-${Math.floor(index / 3)}`;
        const killed = site.startBuild(recipe(word), ['--cache-to', cache]);
        await sleep(delayMs);
        killed.signal('SIGKILL');
        await killed.ended;
        expect((await site.run(['images'])).err).toBe('');
        await site.expectNothingLeft();
        if (index % 3 !== 2) continue;
        const { status, err } = await build(word);
        expect(status, err).toBe(0);
        expect(cacheWarnings(err)).toEqual([]);
      }
      await site.expectWholeStore();
      const { status, err } = await site.run(['cache', 'verify', cache]);
      expect(status, err).toBe(0);
      const other = new Machine(registry.env);
      machines.push(other);
      other.write({ page: 'a page\n' });
      await other.built('FROM scratch\n', ['--cache-from', cache]);
    });
  });

  /** The tag is not there, or what it stands for is. */
  async function expectNoBrokenTag(name: string): Promise<void> {
    const repository = name.slice(name.indexOf('/') + 1, name.lastIndexOf(':'));
    const url = `http://${registry.host}/v2/${repository}`;
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' };
    const answer = await fetch(`${url}/manifests/1`, { headers });
    if (answer.status === 404) return;
    const { config, layers } = (await answer.json()) as { config: Blob; layers: Blob[] };
    for (const { digest } of [config, ...layers])
      expect((await fetch(`${url}/blobs/${digest}`, { method: 'HEAD' })).status).toBe(200);
  }

  /** What arrived before is not asked for again. Returns how many blobs went on in their middle. */
  async function expectGoesOn(site: Machine, work: () => Promise<unknown>): Promise<number> {
    const parts = new Map(
      site.incoming().map((hex) => [hex, statSync(path.join(site.home, 'incoming', hex)).size]),
    );
    const before = proxy.requests.length;
    await work();
    let resumed = 0;
    for (const [hex, sizeBytes] of parts) {
      const isOf = new RegExp(`/killed/pull/blobs/sha256:${hex}$`);
      const later = proxy.requests.slice(before);
      const first = later.find(({ method, path: asked }) => method === 'GET' && isOf.test(asked));
      if (first === undefined || sizeBytes === 0) continue;
      expect(first.headers.range?.startsWith(`bytes=${sizeBytes}-`)).toBe(true);
      resumed++;
    }
    return resumed;
  }
});

interface Blob {
  readonly digest: string;
}

/** The same ones in every run, anywhere in a duration. */
function randomMoments(count: number, durationMs: number): number[] {
  let state = SEED;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round((state / 2 ** 32) * durationMs);
  });
}
