/**
 * A proxy between a client and a registry that goes wrong on demand, and remembers every request it saw.
 *
 *   const proxy = await startFaultProxy({ target: 'http://127.0.0.1:5000' });
 *   proxy.inject({ method: 'GET', path: /\/blobs\//, times: 2, fault: { kind: 'cut', direction: 'down', afterBytes: 1000 } });
 *   ... a client works with proxy.host ...
 *   proxy.seen('HEAD').length;
 *   await proxy.stop();
 *
 * The client's Host header goes through as it is, so whatever the registry answers points back to the proxy.
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `up`: from the client to the registry; `down`: back. Bytes and offsets count the body only. */
export type Direction = 'up' | 'down';

export type Fault =
  /** The connection ends; the registry never hears of the request. */
  | { readonly kind: 'drop' }
  /** The request is passed on later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The proxy answers, the registry hears nothing: 429 with Retry-After, 500, 503. `early`: without reading the body, then it hangs up. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly early?: boolean;
    }
  /** The registry does what it was asked; the connection ends instead of its answer. */
  | { readonly kind: 'lose-answer' }
  /** Both connections end when that many bytes have passed. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly afterBytes: number }
  /** Nothing moves any more after that many bytes, but the connection stays. */
  | { readonly kind: 'stall'; readonly direction: Direction; readonly afterBytes: number }
  /** A slow loris. */
  | { readonly kind: 'slow'; readonly direction: Direction; readonly bytesPerSecond: number }
  /** The byte at this offset is inverted. */
  | { readonly kind: 'corrupt'; readonly direction: Direction; readonly atByte: number }
  /** Headers are set, or taken away where the value is null; the status, too, can be another. */
  | {
      readonly kind: 'rewrite';
      readonly request?: Readonly<Record<string, string | null>>;
      readonly response?: Readonly<Record<string, string | null>>;
      readonly status?: number;
    };

export interface FaultRule {
  readonly method?: string;
  /** Tried on the path with its query. */
  readonly path?: RegExp;
  /** How many fitting requests pass unharmed first; default 0. */
  readonly skip?: number;
  /** How many requests it hits then; default all. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface InjectedFault {
  /** How many requests it hit. */
  readonly hits: number;
  remove(): void;
}

/** Grows while the request is under way. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** What the client was answered; absent while (or if never) it was. */
  status?: number;
  /** Bytes of the request's body that reached the registry (or the proxy that answered for it). */
  upBytes: number;
  /** Bytes of the answer's body that were sent to the client. */
  downBytes: number;
  /** The kinds of the faults that hit it. */
  readonly faults: string[];
}

export interface FaultProxy {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  /** `127.0.0.1:PORT`, for image names. */
  readonly host: string;
  /** Everything seen since the start or the last `forget`, in the order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** Rules are tried in the order they came; every one that fits a request hits it. */
  inject(rule: FaultRule): InjectedFault;
  /** Takes all rules away. */
  heal(): void;
  /** The next `count` connections end as soon as they are accepted. */
  refuseConnections(count: number): void;
  /** Ends every open connection now. */
  breakConnections(): void;
  seen(method?: string, path?: RegExp): SeenRequest[];
  forget(): void;
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  /** `http://host:port` or `https://host:port` (its certificate is not checked). */
  readonly target: string;
  /** Makes the proxy itself speak TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

interface ActiveRule {
  readonly rule: FaultRule;
  toSkip: number;
  left: number;
  hits: number;
}

export async function startFaultProxy({ target, tls }: FaultProxyOptions): Promise<FaultProxy> {
  const rules = new Set<ActiveRule>();
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let toRefuse = 0;
  const listener: http.RequestListener = (request, response) => {
    const exchange = new Exchange(target, request, response, rules);
    requests.push(exchange.seen);
    exchange.run().catch(() => exchange.breakOff());
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  server.requestTimeout = 0;
  server.on('connection', (socket: Socket) => {
    if (toRefuse > 0) {
      toRefuse--;
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const breakConnections = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    url: `${tls ? 'https' : 'http'}://${host}`,
    host,
    requests,
    inject: (rule) => {
      const active = { rule, toSkip: rule.skip ?? 0, left: rule.times ?? Infinity, hits: 0 };
      rules.add(active);
      return {
        get hits() {
          return active.hits;
        },
        remove: () => void rules.delete(active),
      };
    },
    heal: () => rules.clear(),
    refuseConnections: (count) => {
      toRefuse = count;
    },
    breakConnections,
    seen: (method, path) =>
      requests.filter((seen) => (!method || seen.method === method) && (!path || path.test(seen.path))),
    forget: () => {
      requests.length = 0;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      breakConnections();
      await closed;
    },
  };
}

/** One request on its way through. */
class Exchange {
  readonly seen: SeenRequest;
  readonly #target: URL;
  readonly #request: http.IncomingMessage;
  /** The client's connection: the request forgets it once it is answered. */
  readonly #socket: Socket;
  readonly #response: http.ServerResponse;
  readonly #faults: readonly Fault[];
  #upstream: http.ClientRequest | undefined;

  constructor(
    target: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    rules: Iterable<ActiveRule>,
  ) {
    const { method = '', url = '' } = request;
    this.#target = new URL(target);
    this.#request = request;
    this.#socket = request.socket;
    this.#response = response;
    this.#faults = [...rules].filter((active) => hits(active, method, url)).map(({ rule }) => rule.fault);
    this.seen = {
      method,
      path: url,
      headers: request.headers,
      upBytes: 0,
      downBytes: 0,
      faults: this.#faults.map(({ kind }) => kind),
    };
    request.on('error', () => {});
    response.on('error', () => {});
  }

  async run(): Promise<void> {
    if (this.#fault('drop')) return this.breakOff();
    const delay = this.#fault('delay');
    if (delay) await sleep(delay.ms);
    const answer = this.#fault('answer');
    if (answer) return this.#answer(answer);
    const upstream = this.#ask();
    const answered = once(upstream, 'response') as Promise<[http.IncomingMessage]>;
    answered.catch(() => {});
    // The registry may answer before it has read everything: both directions run side by side.
    const sent = this.#pump('up', this.#request, upstream);
    await Promise.race([sent, answered]);
    const [incoming] = await answered;
    if (this.#fault('lose-answer')) {
      await sent;
      for await (const _ of incoming);
      return this.breakOff();
    }
    this.#begin(incoming);
    await this.#pump('down', incoming, this.#response);
  }

  breakOff(): void {
    this.#upstream?.destroy();
    // A connection whose request was answered in full may carry the next one already.
    if (!this.#response.writableFinished) this.#socket.destroy();
  }

  #fault<K extends Fault['kind']>(kind: K, direction?: Direction): Extract<Fault, { kind: K }> | undefined {
    return this.#faults.find(
      (fault): fault is Extract<Fault, { kind: K }> =>
        fault.kind === kind &&
        (direction === undefined || !('direction' in fault) || fault.direction === direction),
    );
  }

  async #answer({ status, headers, body = '', early }: Extract<Fault, { kind: 'answer' }>): Promise<void> {
    if (!early) for await (const chunk of this.#request) this.seen.upBytes += (chunk as Buffer).length;
    this.seen.status = status;
    this.#response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
    this.#response.end(body);
    await once(this.#response, 'close');
    if (early) this.#socket.destroy();
  }

  #ask(): http.ClientRequest {
    const headers = rewritten(this.#request.rawHeaders, this.#fault('rewrite')?.request);
    const { request } = this.#target.protocol === 'https:' ? https : http;
    this.#upstream = request(new URL(this.seen.path, this.#target), {
      method: this.seen.method,
      headers,
      setHost: false,
      agent: false,
      ...{ rejectUnauthorized: false },
    });
    this.#upstream.on('error', () => this.breakOff());
    this.#response.on('close', () => this.#upstream?.destroy());
    return this.#upstream;
  }

  #begin(incoming: http.IncomingMessage): void {
    const change = this.#fault('rewrite');
    this.seen.status = change?.status ?? incoming.statusCode ?? 0;
    this.#response.writeHead(this.seen.status, rewritten(incoming.rawHeaders, change?.response));
    this.#response.flushHeaders();
  }

  async #pump(direction: Direction, from: http.IncomingMessage, to: NodeJS.WritableStream): Promise<void> {
    const count = direction === 'up' ? 'upBytes' : 'downBytes';
    const cut = this.#fault('cut', direction);
    const stall = this.#fault('stall', direction);
    const slow = this.#fault('slow', direction);
    const limit = cut?.afterBytes ?? stall?.afterBytes ?? Infinity;
    for await (const whole of from) {
      const spoiled = this.#spoiled(direction, whole as Buffer);
      const left = limit - this.seen[count];
      for (const chunk of pieces(spoiled.subarray(0, left), slow?.bytesPerSecond)) {
        await written(to, chunk);
        this.seen[count] += chunk.length;
        if (slow) await sleep(100);
      }
      if (this.seen[count] < limit) continue;
      if (stall) await once(this.#response, 'close');
      return this.breakOff();
    }
    to.end();
  }

  #spoiled(direction: Direction, chunk: Buffer): Buffer {
    const at = this.#fault('corrupt', direction)?.atByte;
    if (at === undefined) return chunk;
    const index = at - this.seen[direction === 'up' ? 'upBytes' : 'downBytes'];
    if (index < 0 || index >= chunk.length) return chunk;
    const spoiled = Buffer.from(chunk);
    spoiled[index] = ~(spoiled[index] ?? 0) & 0xff;
    return spoiled;
  }
}

/** Whether a rule hits this request; counts it. */
function hits(active: ActiveRule, method: string, path: string): boolean {
  const { rule } = active;
  if (rule.method !== undefined && rule.method !== method) return false;
  if (rule.path && !rule.path.test(path)) return false;
  if (active.toSkip-- > 0 || active.left <= 0) return false;
  active.left--;
  active.hits++;
  return true;
}

/** A tenth of a second's worth each, when there is a speed. */
function* pieces(chunk: Buffer, bytesPerSecond: number | undefined): Generator<Buffer> {
  const size = bytesPerSecond === undefined ? chunk.length : Math.max(1, Math.floor(bytesPerSecond / 10));
  for (let offset = 0; offset < chunk.length; offset += size) yield chunk.subarray(offset, offset + size);
}

/** Resolves when the bytes are with the system. */
function written(to: NodeJS.WritableStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    to.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function rewritten(
  rawHeaders: readonly string[],
  changes: Readonly<Record<string, string | null>> = {},
): Record<string, string | string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[index + 1] ?? '']);
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name.toLowerCase());
    else headers.set(name.toLowerCase(), [value]);
  }
  return Object.fromEntries(
    [...headers].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}
