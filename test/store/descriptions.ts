/** Descriptions and keys, for tests and for the processes they start. */
import type { ImageConfig } from '../../src/oci/image.ts';

/** A description of an image; `marker` makes it differ from others. */
export function imageOf(layers: readonly string[], marker = ''): ImageConfig {
  return {
    schema: 1,
    created: '2026-01-01T00:00:00.000Z',
    os: 'linux',
    architecture: 'amd64',
    config: {
      env: { MARKER: marker },
      workdir: '/',
      user: '',
      shell: ['/bin/sh', '-c'],
      labels: {},
      exposedPorts: [],
      volumes: [],
    },
    disk: { sizeBytes: 1 << 30, rootOffset: 0, rootLength: 1 << 30, rootType: 'ext4' },
    layers,
    history: [],
    key: marker.padStart(64, '0'),
  };
}

/** A cache key for a number. */
export function keyOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}
