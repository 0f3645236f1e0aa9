/** Names without a host mean the default registry, as in Docker, or the mirror that stands in for it. */
import { describe, expect, test } from 'vitest';
import { parseReference } from '../../src/oci/reference.ts';
import {
  apiHost,
  credentialKey,
  isKeyOf,
  registryHost,
  resolveRegistry,
} from '../../src/registry/default-registry.ts';

const defaultHost = resolveRegistry({ path: 'any' }, {}).host;
const mirrored = { HYPERFILE_DEFAULT_REGISTRY: 'localhost:5000' };

function place(name: string, env: NodeJS.ProcessEnv = {}): string {
  const { host, path } = resolveRegistry(parseReference(name), env);
  return `${host}/${path}`;
}

describe('the registry of a name', () => {
  test('is the one it names', () => {
    expect(place('localhost:5000/web:1')).toBe('localhost:5000/web');
    expect(place('registry.example/team/web', mirrored)).toBe('registry.example/team/web');
  });

  test('is the default one where it names none; names of one part are the official images', () => {
    expect(place('debian:12')).toBe(`${defaultHost}/library/debian`);
    expect(place('team/web')).toBe(`${defaultHost}/team/web`);
    expect(place(`${defaultHost}/debian`)).toBe(place('debian'));
    expect(place(`index.${defaultHost}/debian`)).toBe(place('debian'));
  });

  test('is a mirror, which may have a place of its own for it, where one is set', () => {
    expect(place('debian', mirrored)).toBe('localhost:5000/library/debian');
    expect(place(`${defaultHost}/team/web`, mirrored)).toBe('localhost:5000/team/web');
    expect(place('debian', { HYPERFILE_DEFAULT_REGISTRY: 'mirror.example/hub/' })).toBe(
      'mirror.example/hub/library/debian',
    );
  });

  test('must be a host', () => {
    for (const HYPERFILE_DEFAULT_REGISTRY of ['a b', '../x', 'x@y', 'http://x'])
      expect(() => place('debian', { HYPERFILE_DEFAULT_REGISTRY })).toThrow(/is not the host of a registry/);
  });
});

describe('the default registry', () => {
  test('is spoken to at another host, and its credentials are kept under the key that Docker has used ever since', () => {
    expect(apiHost(defaultHost)).not.toBe(defaultHost);
    expect(credentialKey(defaultHost)).toMatch(/^https:\/\/index\..+\/v1\/$/);
    expect(isKeyOf(credentialKey(defaultHost), defaultHost)).toBe(true);
    expect(isKeyOf(defaultHost, defaultHost)).toBe(true);
  });

  test('is meant by a login that names none', () => {
    expect(registryHost(undefined, {})).toBe(defaultHost);
    expect(registryHost('', mirrored)).toBe('localhost:5000');
    expect(registryHost(credentialKey(defaultHost), {})).toBe(defaultHost);
  });
});

describe('the host to log in to', () => {
  test('may be written as a URL', () => {
    expect(registryHost('https://registry.example/v2/', {})).toBe('registry.example');
    expect(registryHost('registry', {})).toBe('registry');
    expect(registryHost('[::1]:5000', {})).toBe('[::1]:5000');
  });

  test('is nothing else', () => {
    for (const text of ['a b', 'user@host', 'host:port', '..', 'ho_st', 'ftp://host'])
      expect(() => registryHost(text, {})).toThrow(/is not the host of a registry/);
  });
});
