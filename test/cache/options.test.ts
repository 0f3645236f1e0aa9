/** The options of caches, as people write them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCacheOption, type CacheDirection } from '../../src/cache/options.ts';

const parse = parseCacheOption;
const problem = (text: string, direction: CacheDirection = 'to'): string => {
  try {
    parse(text, direction);
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    expect(code).toBe('CACHE_OPTION');
    return `${message} | ${hint}`;
  }
  throw new Error(`${text} was taken`);
};

describe('a cache option', () => {
  test('names a place in a registry', () => {
    expect(parse('type=registry,ref=127.0.0.1:5000/team/web:main,mode=max', 'to')).toEqual({
      type: 'registry',
      name: 'registry 127.0.0.1:5000/team/web:main',
      reference: { host: '127.0.0.1:5000', path: 'team/web', tag: 'main' },
      insecure: false,
      mode: 'max',
      ignoreError: true,
    });
  });

  test('that is only a name means a registry, as in Docker', () => {
    expect(parse('localhost:5000/web', 'from')).toEqual(
      parse('type=registry,ref=localhost:5000/web', 'from'),
    );
    expect(parse('ref=localhost:5000/web', 'from').type).toBe('registry');
  });

  test('names a folder, with dest to write and src to read', () => {
    expect(parse('type=local,dest=./cache', 'to')).toMatchObject({ type: 'local', folder: './cache' });
    expect(parse('type=local,src=./cache', 'from')).toMatchObject({ type: 'local', folder: './cache' });
    expect(problem('type=local,src=./cache')).toContain('src is for --cache-from');
    expect(problem('type=local')).toContain('it does not say dest=');
  });

  test('names a scope of the CI service', () => {
    expect(parse('type=gha', 'from')).toMatchObject({ type: 'gha', scope: 'hyperfile' });
    expect(parse('type=gha,scope=web,url=http://127.0.0.1:1/,token=t,timeout=90s', 'to')).toMatchObject({
      scope: 'web',
      url: 'http://127.0.0.1:1/',
      token: 't',
      timeoutMs: 90_000,
    });
  });

  test('is inline only to write: it is read from the image', () => {
    expect(parse('type=inline', 'to')).toMatchObject({ type: 'inline' });
    expect(problem('type=inline', 'from')).toContain('type=registry,ref=NAME');
  });

  test('says how hard to compress and whether errors count', () => {
    expect(
      parse('type=local,dest=c,ignore-error=false,compression-level=19,compression=zstd', 'to'),
    ).toMatchObject({
      ignoreError: false,
      compressionLevel: 19,
    });
    expect(parse('type=registry,ref=h.io/a,registry.insecure=true', 'to')).toMatchObject({ insecure: true });
  });

  test('may have commas inside quotes', () => {
    expect(parse('type=local,"dest=/a,b",mode=max', 'to')).toMatchObject({ folder: '/a,b', mode: 'max' });
    expect(problem('type=local,"dest=/a')).toContain('a quote is not closed');
  });

  test.each([
    ['type=regstry,ref=a', 'there is no type regstry | Did you mean type=registry?'],
    ['type=registry,rev=a', 'type=registry takes no rev | Did you mean ref?'],
    ['type=registry', 'it does not say ref='],
    ['type=registry,ref=UPPER', 'upper-case'],
    ['type=registry,ref=a@sha256:' + '0'.repeat(64), 'ref has a digest'],
    ['type=local,dest=c,mode=most', 'mode takes min or max, not "most"'],
    ['type=local,dest=c,ignore-error=maybe', 'ignore-error takes true or false'],
    ['type=local,dest=c,compression-level=40', 'compression-level takes a level from 1 to 22'],
    ['type=local,dest=c,compression=gzip', 'compression takes zstd'],
    ['type=gha,timeout=soon', 'timeout takes a length of time'],
    ['type=local,dest=a,dest=b', 'dest is given twice'],
    ['mode=max', 'it does not say type='],
    ['type=local,nonsense', '"nonsense" is not key=value'],
    ['', 'is not key=value'],
  ])('that is wrong is named: %s', (text, says) => {
    expect(problem(text)).toContain(says);
  });

  test('never has its token repeated in an error', () => {
    const said = problem('type=gha,token=s3cr3t,scop=x');
    expect(said).not.toContain('s3cr3t');
    expect(said).toContain('token=***');
  });

  test('gives an option or its own error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom<CacheDirection>('from', 'to'), (text, direction) => {
        try {
          expect(parse(text, direction).name).not.toBe('');
        } catch (error) {
          expect(error).toMatchObject({ code: 'CACHE_OPTION' });
        }
      }),
    );
  });
});
