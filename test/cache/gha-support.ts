/** A stand-in of GitHub's cache service, and builds that export to it. */
import path from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { parseCacheOption } from '../../src/cache/options.ts';
import { testStore } from '../store/support.ts';
import { startActionsCacheService, type ActionsCacheService } from '../support/actions-cache-service.ts';
import { exportOf, storedLayer, testIo, type TestIo } from './support.ts';

export const FROM = parseCacheOption('type=gha,scope=web', 'from');
export const TO = parseCacheOption('type=gha,scope=web,mode=max', 'to');

/** The package is optional. */
const PACKAGE = path.resolve(import.meta.dirname, '../../node_modules/@actions/cache');
export const GHA_NEEDS = ['tar', 'zstd', PACKAGE];

export interface GhaSetting {
  readonly service: ActionsCacheService;
  readonly io: (options?: Parameters<typeof testIo>[1]) => Promise<TestIo>;
  /** Exports one step with one layer of these bytes. */
  readonly exported: (bytes: Uint8Array) => Promise<TestIo>;
}

/** Starts the service for the tests of a block, and empties it before each. */
export function ghaSetting(): GhaSetting {
  let service: ActionsCacheService;
  beforeAll(async () => {
    service = await startActionsCacheService();
  });
  afterAll(() => service.stop());
  beforeEach(() => {
    for (const list of [service.entries, service.calls, service.faults]) list.length = 0;
  });
  const io: GhaSetting['io'] = async (options = {}) =>
    testIo(await testStore(), {
      env: { ...process.env, ...service.env },
      lookupTimeoutMs: 60_000,
      ...options,
    });
  return {
    get service() {
      return service;
    },
    io,
    exported: async (bytes) => {
      const from = await io();
      const exporter = openExporter([TO], from);
      exporter.offer(exportOf(1, [await storedLayer(from.store, bytes)]));
      await exporter.finish();
      await exporter.close();
      return from;
    },
  };
}
