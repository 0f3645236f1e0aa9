/**
 * A process that pushes or pulls one image and dies at the n-th thing that happens on the way (a request or a piece of a
 * blob), as `kill -9` would have it. Every byte of a blob that it fetches is counted in a file.
 *
 * `node ship.ts push|pull STORE HOST/NAME:TAG KILL_AT COUNT_FILE`; without an end it prints how many things happened.
 */
import { appendFileSync } from 'node:fs';
import { parseReference } from '../../src/oci/reference.ts';
import type { Repository } from '../../src/oci/repository.ts';
import { Store } from '../../src/store/store.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';

const [action, root = '', name = '', killAt = '0', countFile = ''] = process.argv.slice(2);
let happened = 0;

function step(): void {
  if (++happened !== Number(killAt)) return;
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

async function* counted(stream: AsyncIterable<Uint8Array>, isFetched: boolean): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    if (isFetched) appendFileSync(countFile, `${piece.length}\n`);
    yield piece;
    step();
  }
}

/** The same repository, told of everything that passes. */
function watched(inner: Repository): Repository {
  return {
    name: inner.name,
    ...(inner.host !== undefined && { host: inner.host }),
    resolve: (reference, options) => (step(), inner.resolve(reference, options)),
    manifest: (reference, options) => (step(), inner.manifest(reference, options)),
    putManifest: (manifest, tag, options) => (step(), inner.putManifest(manifest, tag, options)),
    hasBlob: (blob, options) => (step(), inner.hasBlob(blob, options)),
    readBlob: async (blob, options) => {
      step();
      const body = await inner.readBlob(blob, options);
      return { ...body, stream: counted(body.stream, blob.mediaType.includes('layer')) };
    },
    pushBlob: (blob, source, options) => {
      step();
      return inner.pushBlob(blob, { read: (offset) => counted(source.read(offset), false) }, options);
    },
    tags: (options) => inner.tags(options),
    close: () => inner.close(),
  };
}

const { signal } = new AbortController();
const reference = parseReference(name);
const tag = reference.tag ?? 'latest';
const repository = watched(
  await openRepository({ kind: 'registry', reference }, { env: process.env, signal }),
);
const store = await Store.open(root);
const io = { store, signal, onEvent: () => undefined };
if (action === 'push') await pushImage({ image: await store.image(name), target: repository, tag }, io);
else
  await pullImage({ repository, reference: tag, name, platform: { os: 'linux', architecture: 'amd64' } }, io);
await repository.close();
store.close();
process.stdout.write(`${happened}\n`);
