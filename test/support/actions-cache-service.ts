/**
 * GitHub's cache service, second version, as far as @actions/cache speaks it: three Twirp calls in JSON that reserve,
 * finish and find entries, and signed addresses at which their content is put and read as Azure block blobs. It goes
 * wrong on demand.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const TWIRP = '/twirp/github.actions.results.api.v1.CacheService/';
const SIGNATURE = 'sig=c2lnbmVkLXdpdGgtYS1zZWNyZXQ';

export type CacheCall =
  'CreateCacheEntry' | 'FinalizeCacheEntryUpload' | 'GetCacheEntryDownloadURL' | 'put' | 'get';

export interface CacheFault {
  readonly call: CacheCall;
  /** Answered instead of what was asked for. */
  readonly status?: number;
  readonly message?: string;
  /** The content is changed on its way out. */
  readonly corrupt?: boolean;
  /** No answer comes. */
  readonly hang?: boolean;
  /** How many calls it hits; default all. */
  times?: number;
}

export interface CacheEntry {
  readonly id: string;
  readonly key: string;
  readonly version: string;
  content: Uint8Array;
  isFinished: boolean;
}

export interface ActionsCacheService {
  /** What a job of GitHub Actions finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly entries: CacheEntry[];
  /** All calls so far, with the key of the entry. */
  readonly calls: { readonly call: CacheCall; readonly key: string }[];
  readonly faults: CacheFault[];
  stop(): Promise<void>;
}

export async function startActionsCacheService(): Promise<ActionsCacheService> {
  const token = randomUUID();
  const service = new Service(token);
  const server = createServer((request, response) => void service.answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: { ACTIONS_RESULTS_URL: `${service.url}/`, ACTIONS_RUNTIME_TOKEN: token },
    entries: service.entries,
    calls: service.calls,
    faults: service.faults,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Message = Readonly<Record<string, string>>;

class Service {
  url = '';
  readonly entries: CacheEntry[] = [];
  readonly calls: { call: CacheCall; key: string }[] = [];
  readonly faults: CacheFault[] = [];
  readonly #token: string;
  readonly #blocks = new Map<string, Uint8Array>();

  constructor(token: string) {
    this.#token = token;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    const body = await buffer(request);
    if (url.pathname.startsWith(TWIRP)) this.#twirp(url, request, body, response);
    else this.#blob(url, request, body, response);
  }

  #twirp(url: URL, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const call = url.pathname.slice(TWIRP.length) as CacheCall;
    const message = JSON.parse(body.toString()) as Message;
    if (request.headers.authorization !== `Bearer ${this.#token}`)
      return sendJson(response, 401, { code: 'unauthenticated', msg: 'bad token' });
    this.calls.push({ call, key: message.key ?? '' });
    const fault = this.#fault(call);
    if (fault?.hang) return;
    if (fault)
      return sendJson(response, fault.status ?? 500, {
        code: 'internal',
        msg: fault.message ?? 'told to fail',
      });
    switch (call) {
      case 'CreateCacheEntry':
        return this.#create(message, response);
      case 'FinalizeCacheEntryUpload':
        return this.#finalize(message, response);
      default:
        return this.#find(message, response);
    }
  }

  #create({ key = '', version = '' }: Message, response: ServerResponse): void {
    if (this.entries.some((entry) => entry.key === key && entry.version === version))
      return sendJson(response, 409, { code: 'already_exists', msg: 'cache entry already exists' });
    const entry: CacheEntry = {
      id: String(this.entries.length + 1),
      key,
      version,
      content: new Uint8Array(),
      isFinished: false,
    };
    this.entries.push(entry);
    sendJson(response, 200, { ok: true, signed_upload_url: this.#address(entry) });
  }

  #finalize({ key, version, size_bytes }: Message, response: ServerResponse): void {
    const entry = this.entries.find((one) => one.key === key && one.version === version);
    const isRight = entry !== undefined && entry.content.length === Number(size_bytes);
    if (!isRight)
      return sendJson(response, 400, { code: 'invalid_argument', msg: 'another size was uploaded' });
    entry.isFinished = true;
    sendJson(response, 200, { ok: true, entry_id: entry.id });
  }

  #find({ key, version }: Message, response: ServerResponse): void {
    const entry = this.entries.find((one) => one.isFinished && one.key === key && one.version === version);
    if (!entry) return sendJson(response, 200, { ok: false });
    sendJson(response, 200, { ok: true, signed_download_url: this.#address(entry), matched_key: entry.key });
  }

  #blob(url: URL, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const entry = this.entries.find(({ id }) => url.pathname === `/account/entries/${id}`);
    if (!entry || !url.search.includes(SIGNATURE)) return sendJson(response, 403, {});
    const call = request.method === 'PUT' ? 'put' : 'get';
    this.calls.push({ call, key: entry.key });
    const fault = this.#fault(call);
    if (fault?.hang) return;
    if (fault?.status !== undefined) return sendJson(response, fault.status, {});
    if (call === 'put') return this.#put(url, entry, body, response);
    sendContent(request, response, fault?.corrupt ? inverted(entry.content) : entry.content);
  }

  /** Put Blob, Put Block and Put Block List of the storage service's REST interface. */
  #put(url: URL, entry: CacheEntry, body: Buffer, response: ServerResponse): void {
    const part = url.searchParams.get('comp');
    if (part === 'block') this.#blocks.set(url.searchParams.get('blockid') ?? '', body);
    else if (part === 'blocklist') {
      const ids = [...body.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g)].map((match) => match[1] ?? '');
      entry.content = Buffer.concat(ids.map((id) => this.#blocks.get(id) ?? new Uint8Array()));
    } else entry.content = body;
    response.writeHead(201, { etag: '"1"', 'last-modified': new Date().toUTCString() }).end();
  }

  #address({ id }: CacheEntry): string {
    return `${this.url}/account/entries/${id}?${SIGNATURE}`;
  }

  #fault(call: CacheCall): CacheFault | undefined {
    const fault = this.faults.find((one) => one.call === call && one.times !== 0);
    if (fault?.times !== undefined) fault.times--;
    return fault;
  }
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendContent(request: IncomingMessage, response: ServerResponse, content: Uint8Array): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(
    String(request.headers['x-ms-range'] ?? request.headers.range ?? ''),
  );
  if (!range) return void response.writeHead(200, { 'content-length': content.length }).end(content);
  const start = Number(range[1]);
  const end = range[2] ? Number(range[2]) + 1 : content.length;
  const piece = content.subarray(start, end);
  response
    .writeHead(206, {
      'content-length': piece.length,
      'content-range': `bytes ${start}-${start + piece.length - 1}/${content.length}`,
    })
    .end(piece);
}

function inverted(content: Uint8Array): Uint8Array {
  const middle = Math.floor(content.length / 2);
  return content.map((byte, index) => (index === middle ? byte ^ 0xff : byte));
}
