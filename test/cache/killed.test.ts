/** Exports that are killed leave nothing behind that a build could stumble over; the next one goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parseCacheOption, type CacheDirection } from '../../src/cache/options.ts';
import { verifyCache } from '../../src/cache/upkeep.ts';
import { Store } from '../../src/store/store.ts';
import { testFolder } from '../store/support.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry } from '../support/registry.ts';
import { makeLayer } from '../transfer/support.ts';
import { testIo } from './support.ts';

const STEPS = 4;
const SOURCE = path.resolve(import.meta.dirname, '../../src');

type OptionText = (direction: CacheDirection) => string;

/** Exports every layer of a store as a step, and may be killed while it does. */
async function exportAndKill(root: string, option: OptionText, killAfterMs?: number): Promise<string> {
  const script = path.join(testFolder(), 'export.ts');
  writeFileSync(script, exportScript(root, option('to')));
  const child = spawn(process.execPath, [script]);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (killAfterMs !== undefined) {
    await once(child.stdout, 'readable');
    await sleep(killAfterMs);
    child.kill('SIGKILL');
  }
  const [output, errors] = await ended;
  return output + errors;
}

async function survives(option: OptionText, env: NodeJS.ProcessEnv): Promise<void> {
  const root = path.join(testFolder(), 'store');
  const store = await Store.open(root);
  for (let seed = 1; seed <= STEPS; seed++) await makeLayer(store, seed, { bytes: 2_000_000 });
  const io = testIo(store, { env });
  const cache = parseCacheOption(option('from'), 'from');
  for (const killAfterMs of [5, 50, 100]) {
    await exportAndKill(root, option, killAfterMs);
    expect((await verifyCache(cache, io, { content: true })).problems).toEqual([]);
  }
  expect(await exportAndKill(root, option)).toBe('begun\ndone\n');
  expect(await verifyCache(cache, io, { content: true })).toEqual({
    records: STEPS,
    layers: STEPS,
    problems: [],
  });
  expect(await store.check()).toEqual([]);
  store.close();
}

test('a folder survives exports that are killed', async () => {
  const folder = path.join(testFolder(), 'cache');
  await survives((direction) => `type=local,${direction === 'to' ? 'dest' : 'src'}=${folder}`, {});
});

describeWith(REGISTRY_NEEDS, 'a registry', () => {
  test('survives exports that are killed', async () => {
    const registry = await startRegistry();
    try {
      await survives(() => `type=registry,ref=${registry.host}/killed`, registry.env);
    } finally {
      await registry.stop();
    }
  });
});

function exportScript(root: string, option: string): string {
  return `
    import { readdirSync } from 'node:fs';
    import { openExporter } from '${SOURCE}/cache/exporter.ts';
    import { parseCacheOption } from '${SOURCE}/cache/options.ts';
    import { Store } from '${SOURCE}/store/store.ts';
    import { sha256Hex } from '${SOURCE}/oci/digest.ts';
    import { canonicalJson } from '${SOURCE}/base/canonical-json.ts';
    const store = await Store.open(${JSON.stringify(root)});
    const layers = readdirSync(store.root + '/layers').flatMap((name) => /^(\\w{32})\\.vhdx$/.exec(name)?.[1] ?? []);
    const io = { store, env: {}, signal: new AbortController().signal, onEvent(event) { if (event.type === 'warning') console.log(event.message); } };
    const exporter = openExporter([parseCacheOption(${JSON.stringify(option)} + ',ignore-error=false', 'to')], io);
    console.log('begun');
    for (const layer of layers.sort()) {
      const inputs = { scheme: 1, layer };
      const key = sha256Hex(canonicalJson(inputs));
      exporter.offer({ key, inputs, created: '2026-01-01T00:00:00.000Z', layers: [layer], isOfTarget: true });
    }
    await exporter.finish();
    await exporter.close();
    store.close();
    console.log('done');
  `;
}
