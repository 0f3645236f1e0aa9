import { describe, expect, test } from 'vitest';
import { guestPlatforms, hostPlatform, parsePlatform } from '../../src/plan/platform.ts';
import { graphOf } from './planning.ts';

describe('a platform', () => {
  test.each([
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['Windows/x86_64', { os: 'windows', architecture: 'amd64' }],
    ['linux/arm/v7', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['windows(10.0.26100)/amd64', { os: 'windows', architecture: 'amd64', 'os.version': '10.0.26100' }],
  ])('is read as Docker writes it: %s', (text, expected) => {
    expect(parsePlatform(text)).toEqual(expected);
  });
  test.each([
    '',
    'linux',
    'linux/',
    '/amd64',
    'linux/amd64/v1/x',
    'a b/c',
    'windows()/amd64',
    'windows(x)/amd64',
  ])('is not %j', (text) => {
    expect(parsePlatform(text)).toBeUndefined();
  });
  test('of a host is Linux, then Windows', () => {
    const { architecture } = hostPlatform();
    expect(guestPlatforms()).toEqual([
      { os: 'linux', architecture },
      { os: 'windows', architecture },
    ]);
  });
});

describe('the platform of a stage', () => {
  const of = (text: string, options: Parameters<typeof graphOf>[1] = {}) => {
    const { base } = graphOf(text, options).stages.at(-1)!;
    return base.kind === 'base' ? base.platform : undefined;
  };
  const windows = { os: 'windows', architecture: 'arm64' };

  test('is what FROM says, with its variables, or else the build, or nothing', () => {
    expect(of('FROM web\n')).toBeUndefined();
    expect(of('FROM web\n', { platform: windows })).toEqual(windows);
    expect(of('FROM --platform=linux/386 web\n', { platform: windows })).toEqual({
      os: 'linux',
      architecture: '386',
    });
    expect(of('FROM --platform=$TARGETPLATFORM web\n', { platform: windows })).toEqual(windows);
    expect(of('FROM --platform=$BUILDPLATFORM web\n', { platform: windows })).toEqual(hostPlatform());
    expect(of('ARG P\nFROM --platform=$P web\n')).toBeUndefined();
  });
  test('that is none is an error with its place', () => {
    expect(() => of('FROM --platform=amd64 web\n')).toThrow(
      expect.objectContaining({
        code: 'LANG_BASE',
        at: expect.objectContaining({ line: 1, column: 17 }) as object,
      }),
    );
  });
});
