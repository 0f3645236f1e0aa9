import { describe, expect, it } from 'vitest';
import { editDistance, suggest } from '../../src/base/suggest.ts';
import { parseBase } from '../../src/language/base-reference.ts';
import { parseDurationMs } from '../../src/base/duration.ts';
import { parsePorts } from '../../src/language/ports.ts';

describe('what FROM builds on', () => {
  it.each([
    ['scratch', { kind: 'scratch' }],
    ['debian', { kind: 'image', name: 'debian' }],
    ['debian:12', { kind: 'image', name: 'debian:12' }],
    [
      `localhost:5000/team/base_x:v1@sha256:${'0'.repeat(64)}`,
      { kind: 'image', name: `localhost:5000/team/base_x:v1@sha256:${'0'.repeat(64)}` },
    ],
    ['./golden.vhdx', { kind: 'disk', path: './golden.vhdx', format: 'vhdx' }],
    ['../my disks/x.QCOW2', { kind: 'disk', path: '../my disks/x.QCOW2', format: 'qcow2' }],
    ['/abs/x.img', { kind: 'disk', path: '/abs/x.img', format: 'raw' }],
    ['C:\\disks\\x.vhd', { kind: 'disk', path: 'C:\\disks\\x.vhd', format: 'vhd' }],
    ['./win 11.ISO', { kind: 'iso', path: './win 11.ISO' }],
    ['./web.tar', { kind: 'placed', transport: 'archive', place: './web.tar' }],
    ['docker://debian:12', { kind: 'placed', transport: 'docker', place: 'debian:12' }],
    ['oci:images/web:1.0', { kind: 'placed', transport: 'oci', place: 'images/web:1.0' }],
    ['oci-archive:../a.tar', { kind: 'placed', transport: 'oci-archive', place: '../a.tar' }],
    [
      'docker-archive:/x/a.tar:team/web:1.0',
      { kind: 'placed', transport: 'docker-archive', place: '/x/a.tar:team/web:1.0' },
    ],
    ['debootstrap://bookworm', { kind: 'debootstrap', suite: 'bookworm', include: [] }],
    [
      'debootstrap://noble?include=curl,g++&include=vim&variant=minbase&mirror=http://mirror.example/ubuntu',
      {
        kind: 'debootstrap',
        suite: 'noble',
        include: ['curl', 'g++', 'vim'],
        variant: 'minbase',
        mirror: 'http://mirror.example/ubuntu',
      },
    ],
  ])('%s is understood', (text, expected) => {
    expect(parseBase(text)).toEqual(expected);
  });

  it.each([
    ['', 'it is empty'],
    ['rsync://x', 'rsync:// is unknown'],
    ['docker://', 'the name of an image goes after docker://'],
    ['docker://A B', 'the name of an image goes after docker://'],
    ['oci:', 'a folder goes after oci:'],
    ['docker-archive::web', 'a file goes after docker-archive:'],
    ['./disk.bin', "a disk's name ends in"],
    ['debootstrap://', 'a release goes after'],
    ['debootstrap://bookworm?varient=x', 'no option varient'],
    ['debootstrap://bookworm?include=--evil', 'not the name of a package'],
    ['debootstrap://bookworm?mirror=ftp', "not a mirror's URL"],
    ['Debian Linux', 'no image can have that name'],
    ['a//b:', 'no image can have that name'],
  ])('%s is refused: %s', (text, problem) => {
    expect(() => parseBase(text)).toThrow(problem);
  });
});

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['2ms', 2],
    ['1500us', 1.5],
    ['1500µs', 1.5],
    ['0', 0],
    ['0s', 0],
    ['+1s', 1000],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it.each(['', '+', '5', '-1s', '1 s', '1d', 's', '999us', '1s2', '1e3s', '9'.repeat(400) + 'h'])(
    '%s is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );
});

describe('ports', () => {
  it('are listed one by one, with their protocol', () => {
    expect(parsePorts('80')).toEqual(['80/tcp']);
    expect(parsePorts('53/UDP')).toEqual(['53/udp']);
    expect(parsePorts('8000-8002/sctp')).toEqual(['8000/sctp', '8001/sctp', '8002/sctp']);
  });

  it.each(['', '0', '65536', '80-79', 'http', '80/', '80/icmp', '127.0.0.1:80', '8080:80', '1e3'])(
    'are not %s',
    (text) => {
      expect(() => parsePorts(text)).toThrow('is not a port');
    },
  );
});

describe('did you mean', () => {
  const names = ['FROM', 'RUN', 'COPY', 'ENTRYPOINT', 'EXPOSE'];

  it.each([
    ['FORM', 'FROM'],
    ['rnu', 'RUN'],
    ['COPPY', 'COPY'],
    ['ENTYRPONT', 'ENTRYPOINT'],
    ['apt-get', undefined],
    ['', undefined],
  ])('%s: %s', (word, expected) => {
    expect(suggest(word, names)).toBe(expected);
  });

  it('counts a swap of neighbours as one mistake', () => {
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });
});
