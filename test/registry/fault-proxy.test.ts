import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

let target: http.Server;
let proxy: FaultProxy;
const received: { method: string; bytes: number }[] = [];

beforeAll(async () => {
  target = http.createServer((request, response) => {
    const seen = { method: request.method ?? '', bytes: 0 };
    received.push(seen);
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => (seen.bytes += chunk.length));
    request.on('end', () => response.end(Buffer.alloc(1000, String(request.headers['x-letter'] ?? 'a'))));
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  proxy = await startFaultProxy({ target: `http://127.0.0.1:${(target.address() as AddressInfo).port}` });
});

afterEach(() => {
  proxy.heal();
  proxy.forget();
  received.length = 0;
});

afterAll(async () => {
  await proxy.stop();
  target.close();
});

async function get(init?: RequestInit): Promise<string> {
  return (await fetch(`${proxy.url}/thing?x=1`, init)).text();
}

test('without faults everything passes and is written down', async () => {
  expect(await get({ method: 'PUT', body: 'hello' })).toBe('a'.repeat(1000));
  expect(proxy.requests).toMatchObject([
    { method: 'PUT', path: '/thing?x=1', status: 200, upBytes: 5, downBytes: 1000, faults: [] },
  ]);
});

test('a rule hits as often as it says, where it says', async () => {
  const fault = { kind: 'answer', status: 429, headers: { 'retry-after': '3' } } as const;
  const rule = proxy.inject({ method: 'GET', path: /thing/, skip: 1, times: 1, fault });
  const statuses = [];
  for (let count = 0; count < 3; count++) statuses.push((await fetch(`${proxy.url}/thing`)).status);
  expect(statuses).toEqual([200, 429, 200]);
  expect(rule.hits).toBe(1);
  expect(received).toHaveLength(2);
});

test('a cut lets exactly the bytes through that it names', async () => {
  proxy.inject({ times: 1, fault: { kind: 'cut', direction: 'down', afterBytes: 300 } });
  await expect(get()).rejects.toThrow();
  expect(proxy.requests[0]).toMatchObject({ downBytes: 300, faults: ['cut'] });
  proxy.inject({ times: 1, fault: { kind: 'cut', direction: 'up', afterBytes: 70 } });
  await expect(get({ method: 'PUT', body: 'b'.repeat(100) })).rejects.toThrow();
  expect(received.at(-1)).toEqual({ method: 'PUT', bytes: 70 });
});

test('bytes can be wrong, headers others, answers lost, connections refused', async () => {
  proxy.inject({ times: 1, fault: { kind: 'corrupt', direction: 'down', atByte: 7 } });
  const spoiled = Buffer.from(await (await fetch(proxy.url)).arrayBuffer());
  expect(spoiled.findIndex((byte) => byte !== 97)).toBe(7);
  proxy.inject({ times: 1, fault: { kind: 'rewrite', request: { 'x-letter': 'z' }, status: 203 } });
  const rewritten = await fetch(proxy.url);
  expect([rewritten.status, (await rewritten.text())[0]]).toEqual([203, 'z']);
  proxy.inject({ times: 1, fault: { kind: 'lose-answer' } });
  await expect(get({ method: 'PUT', body: 'hello' })).rejects.toThrow();
  expect(received.at(-1)).toEqual({ method: 'PUT', bytes: 5 });
  proxy.breakConnections();
  proxy.refuseConnections(1);
  await expect(get()).rejects.toThrow();
  expect(await get()).toHaveLength(1000);
});

test('a stalled or slow answer goes on until the client has enough of it', async () => {
  proxy.inject({ times: 1, fault: { kind: 'stall', direction: 'down', afterBytes: 10 } });
  const stop = new AbortController();
  const stalled = await fetch(proxy.url, { signal: stop.signal });
  const reader = stalled.body!.getReader();
  expect((await reader.read()).value).toHaveLength(10);
  stop.abort();
  await expect(reader.read()).rejects.toThrow();
  proxy.inject({ times: 1, fault: { kind: 'slow', direction: 'down', bytesPerSecond: 5000 } });
  expect(await get()).toHaveLength(1000);
});

test('an early answer does not wait for the body', async () => {
  proxy.inject({ times: 1, fault: { kind: 'answer', status: 413, early: true } });
  const request = http.request(proxy.url, { method: 'PUT', headers: { 'content-length': 100 } });
  request.on('error', () => {});
  request.flushHeaders();
  const status = await new Promise((resolve) =>
    request.on('response', (answer) => resolve(answer.statusCode)),
  );
  expect(status).toBe(413);
  request.destroy();
});
