import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, linkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { decodeTarHeader } from '../../src/bytes/tar-header.ts';
import { TAR_END, tarPadding } from '../../src/bytes/encode-tar.ts';
import { tarHeader } from '../../src/oci/tar-file.ts';
import { readTarMembers, type TarMembers } from '../../src/oci/tar-members.ts';
import { describeWith } from '../support/needs.ts';
import { useScratch } from './scratch.ts';

const inScratch = useScratch();

async function membersOf(file: string): Promise<TarMembers> {
  const handle = await open(file);
  try {
    return await readTarMembers(handle, (reason) => new Error(reason) as never);
  } finally {
    await handle.close();
  }
}

describeWith(['tar'], 'members of an archive', () => {
  test.each(['ustar', 'gnu', 'pax'])('of tar’s form %s are found by name, links followed', async (format) => {
    const long = format === 'ustar' ? 'long' : `${'x'.repeat(120)}/${'y'.repeat(120)}`;
    mkdirSync(inScratch(`tree/${long}`), { recursive: true });
    writeFileSync(inScratch(`tree/${long}/file`), 'content');
    writeFileSync(inScratch('tree/empty'), '');
    symlinkSync(`../tree/./${long}/file`, inScratch('tree/soft'));
    symlinkSync('soft', inScratch('tree/softer'));
    symlinkSync('/etc/passwd', inScratch('tree/out'));
    symlinkSync('circle', inScratch('tree/circle'));
    linkSync(inScratch(`tree/${long}/file`), inScratch('tree/hard'));
    execFileSync('tar', [`--format=${format}`, '-C', inScratch('.'), '-cf', inScratch('a.tar'), './tree']);
    const members = await membersOf(inScratch('a.tar'));
    for (const name of [`tree/${long}/file`, './tree/hard', 'tree/soft', 'tree//softer'])
      expect(members.find(name)?.sizeBytes, name).toBe(7);
    expect(members.find('tree/empty')?.sizeBytes).toBe(0);
    for (const name of ['tree', 'tree/out', 'tree/circle', 'etc/passwd', '../tree/empty', 'tree/missing', ''])
      expect(members.find(name), name).toBeUndefined();
  });

  test('that are sparse, or no files, are none', async () => {
    execFileSync('truncate', ['-s', '1M', inScratch('sparse')]);
    execFileSync('mkfifo', [inScratch('pipe')]);
    for (const format of ['gnu', 'pax']) {
      const names = ['-C', inScratch('.'), 'sparse', 'pipe'];
      execFileSync('tar', [`--format=${format}`, '--sparse', '-cf', inScratch('a.tar'), ...names]);
      const members = await membersOf(inScratch('a.tar'));
      for (const name of ['sparse', 'pipe']) expect(members.find(name), name).toBeUndefined();
    }
  });

  test('of one name count as they would when unpacked: the last', async () => {
    writeFileSync(
      inScratch('a.tar'),
      Buffer.concat([
        tarHeader('a', 1),
        Buffer.from('1'),
        tarPadding(1),
        tarHeader('./a', 2),
        Buffer.from('22'),
        tarPadding(2),
        TAR_END,
      ]),
    );
    expect((await membersOf(inScratch('a.tar'))).find('a')).toEqual({ fileOffset: 1536, sizeBytes: 2 });
  });
});

describe('a header', () => {
  test.each([0, 1, 512, 8 ** 11 - 1, 8 ** 11, 2 ** 45 + 3])('tells a size of %i', (sizeBytes) => {
    const header = decodeTarHeader(tarHeader('blobs/sha256/a', sizeBytes));
    expect(header).toMatchObject({
      kind: 'file',
      sizeBytes,
      uid: 0,
      gid: 0,
      modifiedSeconds: 0,
      mode: 0o644,
    });
  });

  test('of a folder is one', () => {
    expect(decodeTarHeader(tarHeader('blobs/', 0))).toMatchObject({ kind: 'directory', mode: 0o755 });
  });
});
