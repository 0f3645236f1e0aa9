/** The registries that the tests start do what real ones do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { PASSWORD, REGISTRY_NEEDS, USERNAME, startRegistry, type TestRegistry } from '../support/registry.ts';

async function withRegistry(
  options: Parameters<typeof startRegistry>[0],
  body: (registry: TestRegistry) => Promise<void>,
): Promise<void> {
  const registry = await startRegistry(options);
  try {
    await body(registry);
  } finally {
    await registry.stop();
  }
}

describeWith([...REGISTRY_NEEDS, 'skopeo'], 'registries for tests', () => {
  for (const auth of ['open', 'password', 'token'] as const) {
    for (const tls of [false, true]) {
      const title = `one with ${auth} access${tls ? ' over TLS' : ''} talks to skopeo and lists what it was asked`;
      test(title, () =>
        withRegistry({ auth, tls }, async (registry) => {
          const access = [
            `--cert-dir=${registry.certFolder}`,
            ...(tls ? [] : ['--tls-verify=false']),
            ...(auth === 'open' ? ['--no-creds'] : [`--creds=${USERNAME}:${PASSWORD}`]),
          ];
          // The token service runs in this process: nothing may block it.
          const list = promisify(execFile)('skopeo', [
            'list-tags',
            ...access,
            `docker://${registry.host}/none`,
          ]);
          await expect(list).rejects.toThrow(/404/);
          expect(registry.requests().at(-1)).toMatchObject({ method: 'GET', status: 404 });
        }),
      );
    }
  }
});
