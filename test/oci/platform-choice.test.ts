import { describe, expect, test } from 'vitest';
import type { Descriptor, DescriptorPlatform } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { ImageIndex } from '../../src/oci/manifest.ts';
import { IMAGE_TYPE, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { choosePlatform } from '../../src/oci/platform-choice.ts';

function entry(platform: DescriptorPlatform | undefined, more: Partial<Descriptor> = {}): Descriptor {
  const digest = digestOf(JSON.stringify([platform, more]));
  return { mediaType: OCI_MANIFEST, digest, size: 1, ...(platform && { platform }), ...more };
}

function index(...manifests: Descriptor[]): ImageIndex {
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
}

/** `linux/arm/v7` or `windows/amd64@10.0.1.2` */
function platform(text: string): DescriptorPlatform {
  const [name = '', version] = text.split('@');
  const [os = '', architecture = '', variant] = name.split('/');
  return { os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) };
}

describe('of an index', () => {
  test.each([
    ['linux/amd64', ['linux/arm64/v8', 'linux/amd64'], 'linux/amd64'],
    ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm64', ['linux/arm64/v9', 'linux/arm64'], 'linux/arm64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
    ['linux/arm', ['linux/arm/v8', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v1'], 'linux/amd64/v1'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
    ['linux/amd64', ['linux/aarch64', 'linux/x86_64'], 'linux/x86_64'],
    ['linux/riscv64', ['linux/riscv64'], 'linux/riscv64'],
    [
      'windows/amd64',
      ['windows/amd64@10.0.20348.9', 'windows/amd64@10.0.26100.10', 'windows/amd64@10.0.26100.9'],
      'windows/amd64@10.0.26100.10',
    ],
    [
      'windows/amd64@10.0.20348.1',
      ['windows/amd64@10.0.26100.10', 'windows/amd64@10.0.20348.7', 'windows/amd64@10.0.20348.8'],
      'windows/amd64@10.0.20348.8',
    ],
    ['windows/amd64@10.0.20348', ['linux/amd64', 'windows/amd64'], 'windows/amd64'],
  ])('the image for %s among %j is %s', (wanted, there, expected) => {
    const entries = there.map((text) => entry(platform(text)));
    const chosen = choosePlatform(index(...entries), platform(wanted), 'web');
    expect(chosen.platform).toEqual(platform(expected));
  });

  const LINUX = platform('linux/amd64');

  test('ours comes before a container’s, and what is no image does not count', () => {
    const container = entry(LINUX);
    const ours = entry(LINUX, { artifactType: IMAGE_TYPE });
    const attestation = entry(platform('unknown/unknown'), {
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    const bareDisk = entry(LINUX, { annotations: { disktype: 'hyperv' } });
    expect(choosePlatform(index(attestation, bareDisk, container, ours), LINUX, 'web')).toBe(ours);
    expect(choosePlatform(index(attestation, bareDisk, container), LINUX, 'web')).toBe(container);
    expect(() => choosePlatform(index(attestation, bareDisk), LINUX, 'web')).toThrow('there is none');
  });

  test('the only one is taken when it does not say for what it is', () => {
    const only = entry(undefined);
    expect(choosePlatform(index(only), LINUX, 'web')).toBe(only);
    expect(() => choosePlatform(index(only, entry(platform('linux/s390x'))), LINUX, 'web')).toThrow();
  });

  test('what there is, is told when nothing fits', () => {
    const there = ['linux/arm64/v8', 'linux/386', 'linux/386', 'windows/amd64@10.0.1.2'];
    const entries = there.map((text) => entry(platform(text)));
    expect(() => choosePlatform(index(...entries), LINUX, 'web')).toThrow(
      'web has no image for linux/amd64; there is linux/arm64/v8, linux/386, windows/amd64 10.0.1.2',
    );
    expect(() => choosePlatform(index(...entries), platform('linux/arm/v7'), 'web')).toThrow('linux/arm/v7');
  });
});

test('of several platforms that would do, the first that an index has an image for is taken', () => {
  const [linux, windows] = [platform('linux/amd64'), platform('windows/amd64')];
  const both = index(entry(windows), entry(linux));
  expect(choosePlatform(both, [linux, windows], 'web').platform).toEqual(linux);
  expect(choosePlatform(both, [windows, linux], 'web').platform).toEqual(windows);
  expect(choosePlatform(index(entry(windows)), [linux, windows], 'web').platform).toEqual(windows);
  expect(() => choosePlatform(index(entry(platform('linux/arm64'))), [linux, windows], 'web')).toThrow(
    'web has no image for linux/amd64 or windows/amd64; there is linux/arm64',
  );
});
