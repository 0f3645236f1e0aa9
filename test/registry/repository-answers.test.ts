import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Repository } from '../../src/oci/repository.ts';
import type { RegistryRequest } from '../../src/registry/client.ts';
import { openRegistryRepository } from '../../src/registry/repository.ts';
import { HASTY, listed, makeBlob } from './blobs.ts';
import { scriptedClient, type ScriptedAnswer } from './scripted-client.ts';

function repository(answer: (request: RegistryRequest) => ScriptedAnswer): Repository {
  return openRegistryRepository(scriptedClient(answer), 'team/web', HASTY);
}

function page(tags: unknown, link?: string): ScriptedAnswer {
  return { body: JSON.stringify({ tags }), ...(link !== undefined && { headers: { link } }) };
}

const invalid = { code: 'REGISTRY_ANSWER_INVALID', exitStatus: 6 };

describe('the list of tags', () => {
  const list = (answer: (url: string) => ScriptedAnswer): Promise<string[]> =>
    listed(repository(({ url }) => answer(url)).tags());

  test.each([
    ['a path', '</v2/team/web/tags/list?n=2&last=b>; rel="next"'],
    ['a URL', '<https://registry.example:5000/v2/team/web/tags/list?n=2&last=b>; rel=next'],
    [
      'a URL with another scheme',
      '<http://registry.example:5000/v2/team/web/tags/list?n=2&last=b>; rel="next"',
    ],
    ['one link of several', '</a>; rel="first", </v2/team/web/tags/list?n=2&last=b>; rel="next"'],
  ])('goes on where its Link header says: %s', async (_, link) => {
    const tags = await list((url) => (url.endsWith('&last=b') ? page(['c']) : page(['a', 'b'], link)));
    expect(tags).toEqual(['a', 'b', 'c']);
  });

  test('never leaves the registry', async () => {
    const { requests, ...client } = scriptedClient(({ url }) =>
      url.includes('last')
        ? page(['b'])
        : page(['a'], '<https://evil.example/v2/x/tags/list?last=a>; rel="next"'),
    );
    await listed(openRegistryRepository(client, 'team/web').tags());
    expect(requests.map(({ url }) => url)).toEqual([
      '/v2/team/web/tags/list?n=1000',
      '/v2/x/tags/list?last=a',
    ]);
    await expect(list(() => page(['a'], '</elsewhere>; rel="next"'))).rejects.toMatchObject(invalid);
  });

  test('may be empty, and does not repeat itself', async () => {
    expect(await list(() => page(null))).toEqual([]);
    expect(await list(() => page([]))).toEqual([]);
    expect(await list(() => page(['a', 'b', 'a']))).toEqual(['a', 'b']);
  });

  test.each([
    ['leads back', () => page(['a'], '</v2/team/web/tags/list?n=1000>; rel="next"')],
    ['brings nothing new', (url: string) => page(['a'], `<${url}x>; rel="next"`)],
    ['is no JSON', () => ({ body: '<html>' })],
    ['has no list', () => page('a')],
    ['holds what is no tag', () => page(['a', 'b\u001b[2J'])],
    ['holds numbers', () => page([1])],
  ])('that %s is refused', async (_, answer) => {
    await expect(list(answer)).rejects.toMatchObject(invalid);
  });
});

describe('a manifest', () => {
  test('that is too long is refused, whatever it says', async () => {
    const body = Buffer.alloc((4 << 20) + 1, ' ');
    await expect(repository(() => ({ body })).manifest('latest')).rejects.toMatchObject({
      code: 'OCI_MANIFEST_TOO_LARGE',
      message: expect.stringContaining('registry.example:5000/team/web:latest') as unknown,
    });
  });

  test.each([
    ['its header', { 'content-type': `${OCI_INDEX}; charset=utf-8` }, { mediaType: OCI_INDEX }, OCI_INDEX],
    [
      'itself where the header says little',
      { 'content-type': 'application/json' },
      { mediaType: OCI_MANIFEST },
      OCI_MANIFEST,
    ],
    ['itself where there is no header', {}, { mediaType: OCI_MANIFEST }, OCI_MANIFEST],
    ['nothing', {}, {}, 'application/octet-stream'],
  ])('has the type that is told by %s', async (_, headers, manifest, mediaType) => {
    const found = await repository(() => ({ headers, body: JSON.stringify(manifest) })).manifest('latest');
    expect(found?.descriptor.mediaType).toBe(mediaType);
  });

  test('whose header tells another type than it does itself is refused', async () => {
    const headers = { 'content-type': OCI_MANIFEST };
    const body = JSON.stringify({ mediaType: OCI_INDEX });
    await expect(repository(() => ({ headers, body })).manifest('latest')).rejects.toMatchObject({
      code: 'OCI_MANIFEST_INVALID',
    });
  });

  test('is asked for with every type that is read', async () => {
    const client = scriptedClient(() => ({ body: '{}' }));
    await openRegistryRepository(client, 'team/web').manifest('latest');
    expect(client.requests[0]?.headers?.accept?.split(', ')).toHaveLength(4);
  });

  test.each(['', '.x', 'a/b', '../blobs/x', 'a?b', 'a b', 'x'.repeat(129), 'latest\n'])(
    'is not asked for by what is no tag: %j',
    async (tag) => {
      const client = scriptedClient(() => ({}));
      const web = openRegistryRepository(client, 'team/web');
      const wrong = { code: 'REGISTRY_TAG_INVALID', exitStatus: 2 };
      await expect(web.manifest(tag)).rejects.toMatchObject(wrong);
      await expect(
        web.putManifest({ mediaType: OCI_MANIFEST, bytes: Buffer.from('{}') }, tag),
      ).rejects.toMatchObject(wrong);
      expect(client.requests).toEqual([]);
    },
  );

  test('is not asked for by a digest that cannot be checked', async () => {
    const wrong = { code: 'OCI_DIGEST_UNSUPPORTED' };
    for (const digest of ['md5:0123', `sha512:${'0'.repeat(128)}`, 'sha256:abc', digestOf('').toUpperCase()])
      await expect(repository(() => ({})).resolve(digest)).rejects.toMatchObject(wrong);
  });
});

describe('a refusal', () => {
  const put = (answer: ScriptedAnswer): Promise<void> =>
    repository(() => answer).putManifest({ mediaType: OCI_MANIFEST, bytes: Buffer.from('{}') }, 'v1');

  test('is told in the words of the registry, on one line', async () => {
    const errors = [{ code: 'TOOMANY', message: 'Limit on\nlayers \u001b[31mreached' }, { code: 7 }];
    await expect(put({ status: 405, body: JSON.stringify({ errors }) })).rejects.toMatchObject({
      code: 'REGISTRY_MANIFEST_REFUSED',
      data: { reason: 'TOOMANY: Limit on layers [31mreached' },
    });
  });

  test.each(['', 'null', '[]', '{"errors":{}}', '{"errors":[null]}', '<html>'])(
    'without words is told by its status: %j',
    async (body) => {
      await expect(put({ status: 400, body })).rejects.toMatchObject({ data: { reason: 'status 400' } });
    },
  );
});

describe('an upload', () => {
  const blob = makeBlob(5 << 20);
  const pushTo = (answer: (request: RegistryRequest) => ScriptedAnswer): Promise<unknown> =>
    repository(answer).pushBlob(blob.descriptor, blob.source);

  test('that leads nowhere is refused', async () => {
    for (const headers of [undefined, { location: 'http://[' }])
      await expect(pushTo(() => ({ status: 202, ...(headers && { headers }) }))).rejects.toMatchObject(
        invalid,
      );
  });

  test('stays on the scheme of the registry, and follows it to other hosts', async () => {
    for (const [location, url] of [
      ['http://registry.example:5000/up?x=%2F', 'https://registry.example:5000/up?x=%2F'],
      ['/up', 'https://registry.example:5000/up'],
      ['https://storage.example/up', 'https://storage.example/up'],
    ] as const) {
      const client = scriptedClient(({ method }) =>
        method === 'POST' ? { status: 202, headers: { location } } : { status: method === 'PUT' ? 201 : 202 },
      );
      await openRegistryRepository(client, 'team/web').pushBlob(blob.descriptor, blob.source);
      expect(client.requests.map((request) => request.url)).toEqual([
        '/v2/team/web/blobs/uploads/',
        url,
        `${url}${url.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.descriptor.digest)}`,
      ]);
    }
  });

  test.each(['0-99999999', '0-0'])(
    'whose registry counts what it was never sent ends: Range %s',
    async (range) => {
      const answer = (): ScriptedAnswer => ({ status: 202, headers: { location: '/up', range } });
      await expect(pushTo(answer)).rejects.toMatchObject({ code: 'REGISTRY_TRANSFER_BROKEN' });
    },
  );

  test('that the registry takes for something else is refused', async () => {
    const headers = { location: '/up', 'docker-content-digest': digestOf('other') };
    await expect(
      pushTo(({ method }) => ({ status: method === 'PUT' ? 201 : 202, headers })),
    ).rejects.toMatchObject({ code: 'REGISTRY_BLOB_REFUSED' });
  });
});
