/** Caches that are in every way but the right one: each build succeeds, and says so in one line a cache. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy, type FaultRule } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import type { Ended } from './support/command.ts';
import { expectRefusal } from './support/site.ts';
import { cacheWarnings, Machine, MACHINE_NEEDS } from './support/registry-machine.ts';

const RECIPE = 'FROM scratch\nCOPY one /one\nCOPY two /two\n';

type Fault = FaultRule['fault'];
type Case = readonly [string, FaultRule];

const answer = (status: number, headers: Readonly<Record<string, string>> = {}): Fault => {
  return { kind: 'answer', status, headers };
};
const corrupt = (direction: 'up' | 'down', atByte: number): Fault => ({ kind: 'corrupt', direction, atByte });
const cut = (direction: 'up' | 'down'): Fault => ({ kind: 'cut', direction, afterBytes: 20_000 });
const page: Fault = {
  kind: 'answer',
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html>Log in to the guest network</html>',
};

/** Whoever has these has no cache, neither to read from nor to write to. */
const OUT_OF_ORDER: readonly Case[] = [
  ['drops every connection', { fault: { kind: 'drop' } }],
  ['asks for an hour of patience', { fault: answer(429, { 'retry-after': '3600' }) }],
  ['is broken', { fault: answer(500) }],
  ['is down for maintenance', { fault: answer(503, { 'retry-after': '3600' }) }],
  ['wants to know who asks', { fault: answer(401, { 'www-authenticate': 'Basic realm="here"' }) }],
];

const MANIFEST = /\/manifests\//;
const BLOB = /\/blobs\/sha256:/;

/** Nothing comes within the time that a lookup may take. */
const TOO_SLOW: readonly Case[] = [
  ['thinks for longer than a lookup may take', { fault: { kind: 'delay', ms: 60_000 } }],
  ['drips bytes', { path: MANIFEST, fault: { kind: 'slow', direction: 'down', bytesPerSecond: 10 } }],
];

const UNREADABLE: readonly Case[] = [
  ['answers with a page for people', { method: 'GET', fault: page }],
  ['changes a byte of every record', { path: MANIFEST, fault: corrupt('down', 40) }],
  ['changes a byte of every blob', { path: BLOB, fault: corrupt('down', 60) }],
];

const UNWRITABLE: readonly Case[] = [
  ['lets nobody write', { method: 'POST', fault: answer(403) }],
  ['takes no record', { method: 'PUT', path: MANIFEST, fault: answer(400) }],
  ['changes what is uploaded', { method: 'PUT', path: /\/uploads\//, fault: corrupt('up', 100) }],
];

/** What passes: the cache is read as if nothing had been. */
const STUMBLES: readonly Case[] = [
  ['drops a connection', { times: 2, fault: { kind: 'drop' } }],
  ['asks for a little patience', { times: 2, fault: answer(429, { 'retry-after': '0' }) }],
  ['breaks in the middle of blobs', { path: BLOB, times: 3, fault: cut('down') }],
];

const STUMBLES_WRITING: readonly Case[] = [
  ['is down for a moment', { skip: 3, times: 2, fault: answer(503) }],
  ['breaks in the middle of uploads', { path: /\/uploads\//, times: 2, fault: cut('up') }],
];

describeWith(MACHINE_NEEDS, 'a cache in a registry', () => {
  let registry: TestRegistry;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
    await withMachine(async (site) => {
      const ended = await site.build(RECIPE, ['--cache-to', `type=registry,ref=${registry.host}/cache/full`]);
      expectWarnings(ended, 0);
    });
  });

  afterAll(() => registry.stop());

  async function withMachine(work: (site: Machine) => Promise<void>): Promise<void> {
    const site = new Machine(registry.env);
    site.write({ one: 'one\n'.repeat(1000), two: 'two\n' });
    try {
      await work(site);
      await site.expectNothingLeft();
      expect((await site.done(['images', '-q'])).out).toMatch(/^sha256:/);
    } finally {
      site.remove();
    }
  }

  /** A build on a machine of its own, with a proxy of its own before the registry. */
  async function withFault(
    rule: FaultRule,
    work: (site: Machine, ref: (name: string) => string, proxy: FaultProxy) => Promise<void>,
  ): Promise<void> {
    const proxy = await startFaultProxy({ target: `http://${registry.host}` });
    const fault = proxy.inject(rule);
    try {
      await withMachine((site) =>
        work(site, (name) => `type=registry,ref=${proxy.host}/cache/${name}`, proxy),
      );
      expect(fault.hits).toBeGreaterThan(0);
    } finally {
      await proxy.stop();
    }
  }

  const newName = () => `new-${++count}`;

  describe.concurrent('that', () => {
    test.each(OUT_OF_ORDER)('%s costs one line to read from it and one to write to it', (_, rule) =>
      withFault(rule, async (site, ref) => {
        const flags = ['--cache-from', ref('full'), '--cache-to', ref(newName())];
        const ended = await site.build(RECIPE, flags);
        expectWarnings(ended, 2);
        expect(ended.err).toContain('the build goes on without this cache');
        expect(ended.err).toContain('the build is not exported to it');
      }),
    );

    const isNotReadFrom = (rule: FaultRule, timeout: string) =>
      withFault(rule, async (site, ref) => {
        const ended = await site.build(RECIPE, ['--cache-from', `${ref('full')},timeout=${timeout}`]);
        expectWarnings(ended, 1);
        expect(ended.err).toContain('#3 DONE');
        await site.expectWholeStore();
      });

    test.each(TOO_SLOW)('%s is not read from', (_, rule) => isNotReadFrom(rule, '10s'));
    test.each(UNREADABLE)('%s is not read from', (_, rule) => isNotReadFrom(rule, '60s'));

    test.each(UNWRITABLE)('%s is not written to', (_, rule) =>
      withFault(rule, async (site, ref) => {
        const ended = await site.build(RECIPE, ['--cache-to', ref(newName())]);
        expectWarnings(ended, 1);
        expect(ended.err).toContain('the build is not exported to it');
      }),
    );

    test('takes nothing fails the build where it was told to, after the image is there', () =>
      withFault({ method: 'POST', fault: answer(403) }, async (site, ref) => {
        const to = `${ref(newName())},ignore-error=false`;
        const ended = await site.build(RECIPE, ['-t', 'web', '--cache-to', to]);
        expectRefusal(ended, 6, ['was not exported to the cache', 'CACHE_EXPORT_FAILED']);
        expect(cacheWarnings(ended.err)).toEqual([]);
        expect(await site.chainOf('web')).toHaveLength(3);
      }));

    test.each(STUMBLES)('%s is read from all the same', (_, rule) =>
      withFault(rule, async (site, ref) => {
        const ended = await site.build(RECIPE, ['-t', 'web', '--cache-from', `${ref('full')},timeout=60s`]);
        expectWarnings(ended, 0);
        expect(ended.err.match(/CACHED \(registry\)/g), ended.err).toHaveLength(3);
        await site.expectWholeStore();
      }),
    );

    test.each(STUMBLES_WRITING)('%s is written to all the same', (_, rule) =>
      withFault(rule, async (site, ref, proxy) => {
        const name = newName();
        expectWarnings(await site.build(RECIPE, ['--cache-to', ref(name)]), 0);
        proxy.heal();
        await withMachine(async (other) => {
          const again = await other.build(RECIPE, ['--cache-from', `${ref(name)},timeout=60s`]);
          expect(again.err.match(/CACHED \(registry\)/g), again.err).toHaveLength(3);
        });
      }),
    );
  });
});

/** The build succeeded, and said so often that a cache is of no use. */
function expectWarnings({ status, err }: Ended, count: number): void {
  expect(status, err).toBe(0);
  expect(cacheWarnings(err), err).toHaveLength(count);
  expect(err.match(/^WARNING/gm) ?? []).toHaveLength(count);
}
