/** A store with images of two layers that hold nothing: enough for the verbs that only look at records. */
import { writeFileSync } from 'node:fs';
import type { ImageConfig } from '../../src/oci/image.ts';
import { Store } from '../../src/store/store.ts';

/** Makes a store in a folder and in it one image for all these names. Returns the image's id. */
export async function storeWithImages(folder: string, names: readonly string[]): Promise<string> {
  const store = await Store.open(folder);
  const lease = await store.lease();
  try {
    const base = await makeLayer(store, 40);
    const leaf = await makeLayer(store, 8, base);
    const id = await store.putImage(imageConfig(leaf, base));
    for (const name of names) await store.tag(name, id);
    return id;
  } finally {
    lease.release();
    store.close();
  }
}

async function makeLayer(store: Store, sizeKib: number, parent?: string): Promise<string> {
  const { id, path } = store.newLayer();
  writeFileSync(path, Buffer.alloc(sizeKib * 1024, 1));
  await store.sealLayer({ id, ...(parent !== undefined && { parent }) });
  return id;
}

function imageConfig(leaf: string, base: string): ImageConfig {
  const created = '2026-01-02T03:04:05.000Z';
  return {
    schema: 1,
    created,
    os: 'linux',
    architecture: 'amd64',
    config: {
      env: { PATH: '/bin' },
      workdir: '/',
      user: '',
      shell: ['/bin/sh', '-c'],
      labels: {},
      exposedPorts: [],
      volumes: [],
    },
    disk: { sizeBytes: 64 * 1024 ** 3, rootOffset: 0, rootLength: 64 * 1024 ** 3, rootType: 'ext4' },
    layers: [leaf, base],
    history: [
      { created, createdBy: 'FROM scratch', layer: base },
      { created, createdBy: 'ENV PATH=/bin' },
      {
        created,
        createdBy: `RUN apt-get install ${'a-long-package-name '.repeat(5)}\n  && true`,
        layer: leaf,
      },
    ],
    key: 'f'.repeat(64),
  };
}
