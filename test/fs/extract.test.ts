import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { openArchive } from '../../src/fs/archive.ts';
import type { ExtractRequest } from '../../src/fs/guest-files.ts';
import { MountedFiles } from '../../src/fs/mounted-files.ts';
import { describeWith, has } from '../support/needs.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0];

/** An archive of the given entries; `content` makes a file. */
async function archive(...entries: (Entry & { content?: string })[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content);
  tar.finalize();
  return buffer(tar);
}

async function extract(
  tar: Buffer | Readable,
  root: string,
  request: Partial<ExtractRequest> = {},
): Promise<string> {
  const stream = tar instanceof Readable ? tar : Readable.from([tar]);
  const files = new MountedFiles(root, { label: 'the guest' });
  await files.extract(stream, { destination: '/', archiveName: 'a.tar', ...request });
  return root;
}

const text = (path: string): string => readFileSync(path, 'utf8');

describeWith(['root', 'tar'], 'an archive', () => {
  it.each(['gnu', 'pax', 'ustar', 'oldgnu', 'v7'])(
    'of tar’s %s format unpacks as tar itself does',
    async (format) => {
      const long = 'n'.repeat(60);
      const source = plant(scratchFolder(), {
        f: 'F'.repeat(3000),
        empty: '',
        'd/link': '-> ../f',
        ...(format === 'v7' || format === 'ustar'
          ? {}
          : { [`${long}/${long}/${long}`]: 'deep', longlink: `-> ${'x'.repeat(150)}` }),
      });
      execFileSync(
        'sh',
        [
          '-c',
          'ln f hard; mkfifo pipe; mknod dev c 1 300; chown 1000:70000 f; chmod 4711 f; find . -exec touch -hd @1234567890.5 {} +',
        ],
        { cwd: source },
      );
      if (format === 'v7') execFileSync('sh', ['-c', 'rm pipe dev; touch -d @1234567890 .'], { cwd: source });
      const tar = `${scratchFolder()}/a.tar`;
      execFileSync('tar', ['--format', format, '--numeric-owner', '-cf', tar, '-C', source, '.']);
      const root = await extract(createReadStream(tar, { highWaterMark: 700 }), scratchFolder());
      const judge = scratchFolder();
      execFileSync('tar', ['--numeric-owner', '-xpf', tar, '-C', judge]);
      const list = (folder: string): string =>
        execFileSync(
          'sh',
          ['-c', "find . -printf '%P|%y|%m|%U|%G|%s|%l|%n|%T@\\n' | sort; stat -c '%n %t %T' * "],
          { cwd: folder, encoding: 'utf8' },
        );
      expect(list(root)).toBe(list(judge));
      expect(text(`${root}/f`)).toBe('F'.repeat(3000));
    },
  );

  it.each([
    ['gnu', []],
    ['pax', ['--sparse-version=0.0']],
    ['pax', ['--sparse-version=0.1']],
    ['pax', ['--sparse-version=1.0']],
  ])('with holes (%s %j) keeps them', async (format, flags) => {
    const source = scratchFolder();
    const script =
      'for i in $(seq 0 40); do printf "piece $i" | dd of=s bs=1 seek=$((i * 400000)) conv=notrunc status=none; done; truncate -s 20M s; truncate -s 5M z; echo end > after';
    execFileSync('sh', ['-c', script], { cwd: source });
    const tar = `${source}/../${source.split('/').at(-1)}-s.tar`;
    execFileSync('tar', ['--format', format, '-S', ...flags, '-cf', tar, '-C', source, 's', 'z', 'after']);
    const root = await extract(createReadStream(tar), scratchFolder());
    execFileSync('rm', [tar]);
    for (const name of ['s', 'z', 'after'])
      expect(readFileSync(`${root}/${name}`).equals(readFileSync(`${source}/${name}`))).toBe(true);
    expect(statSync(`${root}/s`).blocks * 512).toBeLessThan(2_000_000);
    expect(readdirSync(root).sort()).toEqual(['after', 's', 'z']);
  });

  it('gives everything to the owner it is told', async () => {
    const root = await extract(
      await archive({ name: 'd/f', uid: 5, gid: 5, content: 'F' }),
      scratchFolder(),
      { owner: { uid: 7, gid: 8 } },
    );
    expect(statSync(`${root}/d/f`)).toMatchObject({ uid: 7, gid: 8 });
    expect(statSync(`${root}/d`)).toMatchObject({ uid: 7, gid: 8 });
  });

  it('with two entries of one name keeps the later', async () => {
    const root = await extract(
      await archive(
        { name: 'a', content: 'first' },
        { name: 'a', content: 'second' },
        { name: 'b', type: 'symlink', linkname: 'a' },
        { name: 'b', content: 'file' },
        { name: 'c/x', content: '' },
        { name: 'c', content: 'now a file' },
        { name: 'd', content: 'file' },
        { name: 'd/', type: 'directory' },
        { name: 'd/y', content: 'Y' },
        { name: 'p', type: 'fifo' },
        { name: 'p', content: 'P' },
      ),
      scratchFolder(),
    );
    expect(['a', 'b', 'c', 'd/y', 'p'].map((name) => text(`${root}/${name}`))).toEqual([
      'second',
      'file',
      'now a file',
      'Y',
      'P',
    ]);
  });

  it('fills a directory that the guest has as a link', async () => {
    const root = plant(scratchFolder(), { 'usr/lib/old': '', lib: '-> usr/lib' });
    await extract(
      await archive({ name: 'lib/', type: 'directory' }, { name: 'lib/new', content: 'N' }),
      root,
    );
    expect(text(`${root}/usr/lib/new`)).toBe('N');
    expect(readlinkSync(`${root}/lib`)).toBe('usr/lib');
  });

  it('sets the times of directories when everything is in them', async () => {
    const tar = await archive(
      { name: 'd/', type: 'directory', mtime: new Date(5000) },
      { name: 'd/f', content: '' },
    );
    const root = await extract(tar, scratchFolder());
    expect(statSync(`${root}/d`).mtimeMs).toBe(5000);
  });

  it('takes absolute names and dots for names below the destination', async () => {
    const root = await extract(
      await archive({ name: '/abs', content: 'A' }, { name: './x/../y', content: 'Y' }),
      scratchFolder(),
      { destination: '/in' },
    );
    expect(readdirSync(`${root}/in`).sort()).toEqual(['abs', 'y']);
  });

  it.runIf(has('getfattr') && has('setfattr'))(
    'brings extended attributes, byte for byte [needs getfattr, setfattr]',
    async () => {
      const source = plant(scratchFolder(), { f: 'F' });
      const value = '0x01000002c0800000000000000000000000000000';
      execFileSync('setfattr', ['-n', 'security.capability', '-v', value, `${source}/f`]);
      execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-cf', `${source}/a.tar`, '-C', source, 'f']);
      const root = await extract(createReadStream(`${source}/a.tar`), scratchFolder());
      const dump = execFileSync(
        'getfattr',
        ['-e', 'hex', '-n', 'security.capability', '--absolute-names', `${root}/f`],
        { encoding: 'utf8' },
      );
      expect(dump).toContain(value);
    },
  );
});

describeWith(['root', 'tar'], 'a hostile or broken archive', () => {
  it.each<[string, Entry[], string]>([
    ['an entry above its destination', [{ name: '../evil' }], 'FS_ARCHIVE_OUTSIDE'],
    ['an entry that climbs on the way', [{ name: 'a/../../evil' }], 'FS_ARCHIVE_OUTSIDE'],
    [
      'a hard link to a file above',
      [{ name: 'x', type: 'link', linkname: '../../etc/passwd' }],
      'FS_ARCHIVE_OUTSIDE',
    ],
    ['a hard link to nothing', [{ name: 'x', type: 'link', linkname: 'none' }], 'FS_ARCHIVE_CORRUPT'],
    [
      'links that loop',
      [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
        { name: 'a/f' },
      ],
      'FS_LINK_LOOP',
    ],
    ['a file below a file', [{ name: 'a' }, { name: 'a/b' }], 'FS_NOT_A_DIRECTORY'],
  ])('with %s is refused', async (_, entries, code) => {
    const around = scratchFolder();
    mkdirSync(`${around}/root`);
    const tar = await archive(...entries);
    expect(await codeOf(() => extract(tar, `${around}/root`, { destination: '/in' }))).toBe(code);
    expect(readdirSync(around)).toEqual(['root']);
  });

  it('cannot write through links that it or the guest has to the host', async () => {
    const outside = plant(scratchFolder(), { victim: 'safe' });
    const root = plant(scratchFolder(), { theirs: `-> ${outside}`, up: '-> ../../../../../..' });
    const tar = await archive(
      { name: 'mine', type: 'symlink', linkname: outside },
      { name: 'mine/victim', content: 'evil' },
      { name: 'theirs/victim', content: 'evil' },
      { name: `up${outside}/victim`, content: 'evil' },
      { name: 'to', type: 'symlink', linkname: `${outside}/victim` },
      { name: 'to', content: 'a file now' },
      { name: 'hard', type: 'link', linkname: 'mine/victim' },
    );
    await extract(tar, root);
    expect(text(`${outside}/victim`)).toBe('safe');
    expect(text(`${root}${outside}/victim`)).toBe('evil');
    expect(lstatSync(`${root}/to`).isFile()).toBe(true);
    expect(statSync(`${root}/hard`).ino).toBe(statSync(`${root}${outside}/victim`).ino);
  });

  it('that is cut short anywhere is refused as such', async () => {
    const whole = await archive({ name: 'a', content: 'x'.repeat(600) }, { name: 'b', content: 'y' });
    for (const length of [1, 511, 512, 700, 1024, 1535, 1536, 2048, 2100, 2560]) {
      expect(await codeOf(() => extract(whole.subarray(0, length), scratchFolder())), `${length} bytes`).toBe(
        'FS_ARCHIVE_CUT_SHORT',
      );
    }
  });

  it('that is no archive is refused as such', async () => {
    expect(await codeOf(() => extract(Buffer.from('hello '.repeat(200)), scratchFolder()))).toBe(
      'FS_ARCHIVE_CORRUPT',
    );
    const damaged = await archive({ name: 'a', content: 'x'.repeat(600) }, { name: 'b', content: 'y' });
    damaged[1536 + 100] = 0x39;
    expect(await codeOf(() => extract(damaged, scratchFolder()))).toBe('FS_ARCHIVE_CORRUPT');
  });

  it('with every kind of damaged byte ends in an error of ours or in files, never in a hang', async () => {
    const whole = await archive(
      { name: 'n'.repeat(150), content: 'x'.repeat(600) },
      { name: 'd/', type: 'directory' },
      { name: 'l', type: 'symlink', linkname: 'd' },
    );
    for (let at = 0; at < whole.length; at += 37) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      await codeOf(() => extract(damaged, scratchFolder()));
    }
  });

  it('that fills the guest’s disk says so', async () => {
    const image = `${scratchFolder()}/small.img`;
    const root = scratchFolder();
    execFileSync('sh', [
      '-c',
      `truncate -s 2M ${image} && mke2fs -q -F ${image} && mount -o loop ${image} ${root}`,
    ]);
    try {
      const tar = await archive({ name: 'big', content: 'x'.repeat(4_000_000) });
      expect(await codeOf(() => extract(tar, root))).toBe('FS_GUEST_FULL');
    } finally {
      execFileSync('umount', [root]);
    }
  });
});

describeWith(['root', 'tar', 'gzip', 'bzip2', 'xz', 'zstd'], 'ADD', () => {
  it.each(['cat', 'gzip', 'bzip2', 'xz', 'zstd'])(
    'unpacks a local archive, by %s, whatever its name',
    async (tool) => {
      const context = plant(scratchFolder(), { 'in/f': 'F' });
      execFileSync('sh', ['-c', `tar -C ${context}/in -c f | ${tool} > ${context}/archive.bin`]);
      const root = scratchFolder();
      const from = { label: 'the build context', rootPath: context, keepOwners: false };
      const request = { from, sources: ['archive.bin'], destination: '/x', unpackArchives: true };
      await new MountedFiles(root, { label: 'the guest' }).copy(request);
      expect(text(`${root}/x/f`)).toBe('F');
    },
  );

  it.each([['gzip'], ['bzip2'], ['xz'], ['zstd']])(
    'copies a file that %s made of something else',
    async (tool) => {
      const context = scratchFolder();
      execFileSync('sh', ['-c', `seq 1 1000 | ${tool} > ${context}/numbers`]);
      const root = scratchFolder();
      const from = { label: 'the build context', rootPath: context, keepOwners: false };
      await new MountedFiles(root, { label: 'the guest' }).copy({
        from,
        sources: ['numbers'],
        destination: '/n',
        unpackArchives: true,
      });
      expect(readFileSync(`${root}/n`).equals(readFileSync(`${context}/numbers`))).toBe(true);
    },
  );

  it.each(['gzip', 'bzip2', 'xz', 'zstd'])(
    'refuses an archive of %s that is cut short or damaged',
    async (tool) => {
      const folder = scratchFolder();
      execFileSync('sh', ['-c', `head -c 300000 /dev/urandom > f; tar -c f | ${tool} > whole`], {
        cwd: folder,
      });
      const whole = readFileSync(`${folder}/whole`);
      writeFileSync(`${folder}/cut`, whole.subarray(0, 150_000));
      const unpack = async (name: string): Promise<unknown> =>
        extract(await openArchive(`${folder}/${name}`), scratchFolder());
      expect(await codeOf(() => unpack('cut'))).toBe('FS_ARCHIVE_CUT_SHORT');
      const damaged = Buffer.from(whole);
      damaged.fill(0x55, 100_000, 100_100);
      writeFileSync(`${folder}/damaged`, damaged);
      expect(await codeOf(() => unpack('damaged'))).toMatch(/^FS_ARCHIVE_(CORRUPT|CUT_SHORT)$/);
      expect(await codeOf(() => unpack('whole'))).toBeUndefined();
    },
  );

  it('is told when a file is no archive at all', async () => {
    const folder = plant(scratchFolder(), { f: 'text', none: '' });
    expect(await codeOf(() => openArchive(`${folder}/f`))).toBe('FS_ARCHIVE_UNKNOWN');
    expect(await codeOf(() => openArchive(`${folder}/none`))).toBe('FS_ARCHIVE_UNKNOWN');
  });
});
