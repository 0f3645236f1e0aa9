import { describe, expect, test } from 'vitest';
import type { ImageConfig } from '../../src/oci/image.ts';
import { parseImageConfig } from '../../src/oci/image-schema.ts';

const WHOLE: ImageConfig = {
  schema: 1,
  created: '2026-01-01T00:00:00.000Z',
  os: 'linux',
  architecture: 'amd64',
  config: {
    env: { PATH: '/bin' },
    entrypoint: ['/init'],
    workdir: '/',
    user: '',
    shell: ['/bin/sh', '-c'],
    labels: {},
    exposedPorts: ['80/tcp'],
    volumes: [],
    healthcheck: { test: ['NONE'], retries: 3 },
  },
  disk: { sizeBytes: 4096, rootOffset: 1024, rootLength: 3072, rootType: 'ext4' },
  layers: ['0'.repeat(32)],
  history: [{ created: '2026-01-01T00:00:00.000Z', createdBy: 'FROM scratch', layer: '0'.repeat(32) }],
  key: 'k',
};

describe('a description of an image from elsewhere', () => {
  test('is taken as it is, without what is not known', () => {
    expect(parseImageConfig({ ...WHOLE, extra: 1 }, 'web')).toEqual(WHOLE);
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'it is not an object'],
    ['another schema', { ...WHOLE, schema: 2 }, 'schema'],
    ['a layer that is a path', { ...WHOLE, layers: ['../../etc/passwd'] }, 'layers[0]'],
    ['an environment of numbers', { ...WHOLE, config: { ...WHOLE.config, env: { A: 1 } } }, 'config.env.A'],
    ['a root beyond the disk', { ...WHOLE, disk: { ...WHOLE.disk, rootOffset: 4096 } }, 'disk.rootLength'],
    ['a size that is not whole', { ...WHOLE, disk: { ...WHOLE.disk, sizeBytes: 1.5 } }, 'disk.sizeBytes'],
  ])('%s is refused, naming the field', (_, value, field) => {
    expect(() => parseImageConfig(value, 'web')).toThrow(field);
  });
});
