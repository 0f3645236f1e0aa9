import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { MountedFiles } from '../../src/fs/mounted-files.ts';
import {
  CAPABILITY,
  layerTar,
  listTree,
  umociUnpack,
  writeLayout,
  type LayerEntry,
} from '../support/container-image.ts';
import { describeWith } from '../support/needs.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

type Layer = readonly LayerEntry[];

async function apply(root: string, ...layers: Layer[]): Promise<string> {
  const files = new MountedFiles(root, { label: 'the guest' });
  for (const layer of layers) {
    const tar = Readable.from([await layerTar(layer)]);
    await files.extract(tar, { destination: '/', archiveName: 'a layer', whiteouts: true });
  }
  return root;
}

async function applied(...layers: Layer[]): Promise<string[]> {
  const root = scratchFolder();
  chmodSync(root, 0o755);
  return listTree(await apply(root, ...layers));
}

async function judged(...layers: Layer[]): Promise<string[]> {
  const folder = scratchFolder();
  const tars = await Promise.all(layers.map(layerTar));
  writeLayout(path.join(folder, 'image'), 'it', { layers: tars.map((tar) => ({ tar })) });
  return listTree(umociUnpack(path.join(folder, 'image'), 'it', path.join(folder, 'bundle')));
}

const file = (name: string, content = name): LayerEntry => ({ name, content });
const link = (name: string, linkname: string): LayerEntry => ({ name, type: 'symlink', linkname });
const hardLink = (name: string, linkname: string): LayerEntry => ({ name, type: 'link', linkname });
const directory = (name: string): LayerEntry => ({ name: `${name}/` });

describeWith(['root', 'umoci', 'getfattr'], 'layers of a container image', () => {
  const LOWER: Layer = [
    directory('a'),
    directory('a/b'),
    directory('a/b/c'),
    file('a/b/c/bar'),
    file('a/one'),
    file('a/two'),
    link('a/to-one', 'one'),
    directory('d'),
    { ...file('d/owned'), uid: 1000, gid: 70_000, mode: 0o4711 },
    hardLink('d/again', 'd/owned'),
    file('plain'),
    link('away', '/a'),
  ];

  it.each<[string, Layer[]]>([
    ['a file is taken away', [LOWER, [directory('a'), file('a/.wh.one', '')]]],
    ['a directory is taken away with all in it', [LOWER, [file('.wh.a', '')]]],
    ['a link is taken away, not what it leads to', [LOWER, [file('.wh.away', '')]]],
    ['what was never there is taken away', [LOWER, [file('a/.wh.ghost', ''), file('x/.wh.y', '')]]],
    ['something below a file is taken away', [LOWER, [file('plain/.wh.y', '')]]],
    [
      'an opaque directory keeps what its layer brings before the mark',
      [
        LOWER,
        [directory('a'), directory('a/b'), directory('a/b/c'), file('a/b/c/foo'), file('a/.wh..wh..opq', '')],
      ],
    ],
    [
      'an opaque directory keeps what its layer brings after the mark',
      [
        LOWER,
        [directory('a'), file('a/.wh..wh..opq', ''), directory('a/b'), directory('a/b/c'), file('a/b/c/foo')],
      ],
    ],
    [
      'a directory below an opaque one may be new',
      [LOWER, [file('a/.wh..wh..opq', ''), directory('a/new'), file('a/new/x')]],
    ],
    ['the root may be opaque', [LOWER, [file('only'), file('.wh..wh..opq', '')]]],
    [
      'a file is taken away and brought again',
      [LOWER, [directory('a'), file('a/.wh.one', ''), file('a/one', 'again')]],
    ],
    [
      'a directory is brought again and then taken away',
      [LOWER, [directory('a'), file('a/three'), file('.wh.a', '')]],
    ],
    ['a file takes the place of a directory', [LOWER, [file('a')]]],
    ['a link takes the place of a directory', [LOWER, [link('a', 'd')]]],
    ['a directory takes the place of a file', [LOWER, [directory('plain'), file('plain/x')]]],
    ['a directory takes the place of a link to one', [LOWER, [directory('away'), file('away/x')]]],
    ['a file takes the place of a link', [LOWER, [file('a/to-one', 'a file now')]]],
    [
      'a pipe and a device take the place of files',
      [
        LOWER,
        [
          { name: 'a/one', type: 'fifo' },
          { name: 'a/two', type: 'character-device', devmajor: 1, devminor: 300, mode: 0o620 },
        ],
      ],
    ],
    ['a pipe of a lower layer gets one more name', [[{ name: 'p', type: 'fifo' }], [hardLink('q', 'p')]]],
    ['a pipe of its own layer has two names', [[{ name: 'p', type: 'fifo' }, hardLink('q', 'p')]]],
    [
      'a file of a lower layer gets one more name',
      [LOWER, [hardLink('d/third', 'd/again'), hardLink('d/link', 'away')]],
    ],
    ['one name of a file is taken away', [LOWER, [file('d/.wh.owned', '')]]],
    ['one name of a file gets other content', [LOWER, [file('d/owned', 'new')]]],
    ['a file is written through a link of a lower layer to a directory', [LOWER, [file('away/new')]]],
    ['something is taken away through a link of a lower layer', [LOWER, [file('away/.wh.one', '')]]],
    [
      'owners, modes and attributes of directories are those of the last layer',
      [
        [
          { ...directory('x'), uid: 3, gid: 4, mode: 0o1777, xattrs: { 'user.a': '1', 'user.b': '2' } },
          file('x/y'),
        ],
        [{ ...directory('x'), uid: 5, mode: 0o700, xattrs: { 'user.b': '3' } }],
      ],
    ],
    [
      'attributes come with the file and go with it',
      [
        [
          {
            ...file('cap'),
            mode: 0o755,
            uid: 7,
            xattrs: { 'security.capability': CAPABILITY, 'user.note': 'é = 1' },
          },
          { ...file('plain'), xattrs: { 'trusted.t': 'x' } },
        ],
        [hardLink('cap2', 'cap'), file('plain')],
      ],
    ],
    [
      'the root itself has an owner, a mode and attributes',
      [[{ ...directory('.'), uid: 9, mode: 0o711, xattrs: { 'user.r': 'r' } }, file('x')]],
    ],
  ])('unpack as umoci unpacks them: %s', async (_, layers) => {
    expect(await applied(...layers)).toEqual(await judged(...layers));
  });

  it('in which a directory gives way to a file of the same layer unpack without it', async () => {
    const note = { 'user.note': 'n' };
    const given: Layer = [
      { ...directory('d'), xattrs: note },
      { ...directory('d/e'), xattrs: note },
      { ...file('d/e/f'), xattrs: note },
      { name: 'd/e/p', type: 'fifo' },
      file('d', 'a file'),
    ];
    expect(await applied(given)).toEqual(await applied([file('d', 'a file')]));
    expect(await applied([directory('d'), directory('d/e')], given)).toEqual(
      await applied([file('d', 'a file')]),
    );
  });

  it('in which old marks of other file systems lie unpack without them', async () => {
    const layer = [directory('.wh..wh.plnk'), file('.wh..wh.plnk/12.34'), file('.wh..wh.aufs'), file('x')];
    expect(await applied(layer)).toEqual(await applied([file('x')]));
  });

  it.each(['.wh.', '.wh..', '.wh...', 'a/.wh.', 'a/.wh...'])(
    'with a mark %s that names no file are refused',
    async (name) => {
      const root = await apply(scratchFolder(), LOWER);
      const before = listTree(root);
      expect(await codeOf(() => apply(root, [file(name, '')]))).toBe('FS_ARCHIVE_CORRUPT');
      expect(listTree(root)).toEqual(before);
    },
  );

  it('never take away or write anything outside the guest', async () => {
    const outside = plant(scratchFolder(), { keep: 'kept', 'deep/keep': 'kept' });
    const before = listTree(outside);
    const up = '../'.repeat(12);
    const links = [
      link('abs', outside),
      link('rel', `${up}${outside}`),
      link('file', `${outside}/keep`),
      link('chain', 'rel/deep'),
    ];
    const root = await apply(scratchFolder(), links);
    const layers: Layer[] = [
      [file('abs/.wh.keep', ''), file('rel/.wh.keep', ''), file('rel/.wh..wh..opq', '')],
      [file('chain/.wh.keep', ''), file('chain/.wh..wh..opq', ''), file('abs/deep/.wh..wh..opq', '')],
      [file('file', 'a file of its own'), hardLink('stolen', 'abs/keep')],
      [file('abs/new', 'inside'), file('.wh.abs', ''), file('.wh.rel', '')],
    ];
    for (const layer of layers) await codeOf(() => apply(root, layer));
    expect(listTree(outside)).toEqual(before);
    expect(lstatSync(path.join(root, 'file')).isFile()).toBe(true);
    for (const name of ['../.wh.x', 'a/../../.wh.x', '../../.wh..wh..opq'])
      expect(await codeOf(() => apply(root, [file(name, '')]))).toBe('FS_ARCHIVE_OUTSIDE');
  });

  it('of a plain archive are no marks: files called .wh.x are unpacked', async () => {
    const root = scratchFolder();
    const files = new MountedFiles(root, { label: 'the guest' });
    writeFileSync(path.join(root, 'x'), 'stays');
    const tar = Readable.from([await layerTar([file('.wh.x', 'a name like any other')])]);
    await files.extract(tar, { destination: '/', archiveName: 'a.tar' });
    expect(readFileSync(path.join(root, '.wh.x'), 'utf8')).toBe('a name like any other');
    expect(existsSync(path.join(root, 'x'))).toBe(true);
  });

  it('unpack below a directory of the guest too', async () => {
    const root = scratchFolder();
    mkdirSync(path.join(root, 'sub/old'), { recursive: true });
    const files = new MountedFiles(root, { label: 'the guest' });
    const tar = Readable.from([await layerTar([file('.wh.old', ''), file('new')])]);
    await files.extract(tar, { destination: '/sub', archiveName: 'a layer', whiteouts: true });
    expect(listTree(path.join(root, 'sub')).map((line) => line.split(' ')[0])).toEqual(['/', 'new']);
  });

  it('keep the times of files and directories', async () => {
    const root = await apply(scratchFolder(), LOWER, [directory('a'), file('a/.wh.one', ''), file('a/new')]);
    for (const name of ['a', 'a/new', 'a/two']) expect(statSync(path.join(root, name)).mtimeMs).toBe(1.6e12);
  });

  it('give the same tree wherever their marks lie between what they bring', async () => {
    const folder = fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }).map((names) => names.join('/'));
    const name = fc.constantFrom('f', 'g');
    const files = fc.tuple(folder, name).map(([at, base]) => file(path.join(at, base)));
    const folders = folder.map((at) => ({ ...directory(at || '.'), mode: 0o700, uid: 5 }));
    const removals = fc
      .tuple(folder, fc.constantFrom('a', 'b', 'f', 'g'))
      .map(([at, base]) => file(path.join(at, `.wh.${base}`), ''));
    const emptied = folder.map((at) => file(path.join(at, '.wh..wh..opq'), ''));
    const marks = fc.array(fc.tuple(fc.oneof(removals, emptied), fc.nat(8)), { maxLength: 4 });
    const contents = fc.uniqueArray(fc.oneof(files, folders), {
      maxLength: 6,
      selector: (entry) => entry.name,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(files, folders), { maxLength: 10 }),
        contents,
        marks,
        async (lower, brought, taken) => {
          const mixed = [...brought];
          for (const [mark, position] of taken) mixed.splice(position, 0, mark);
          const marksFirst = [...taken.map(([mark]) => mark), ...brought];
          expect(await applied(lower, mixed)).toEqual(await applied(lower, marksFirst));
        },
      ),
      { numRuns: 40 },
    );
  });
});
