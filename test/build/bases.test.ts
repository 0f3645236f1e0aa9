import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportImage } from '../../src/build/export.ts';
import { importImage } from '../../src/build/import.ts';
import { openCleanLayer } from '../../src/vhdx/layer.ts';
import { describeWith } from '../support/needs.ts';
import { entryOf, leaveUnclosed, putEntry, SECTOR } from '../vhdx/log/logs.ts';
import { BUILD_NEEDS, SHELL, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

describeWith([...BUILD_NEEDS, 'qemu-img', '7zz', 'sgdisk'], 'bases, imports and exports', () => {
  const yard = new Yard();
  const signal = new AbortController().signal;
  const at = (name: string) => path.join(yard.context, name);

  const exportTo = async (name: string, file: string) =>
    exportImage(
      { name, output: at(file) },
      { store: await yard.store(), signal, onProgress: () => undefined },
    );
  const importFrom = async (file: string, name: string) =>
    importImage(
      { file: at(file), name, diskSizeBytes: 2 ** 30 },
      { store: await yard.store(), signal, onEvent: () => undefined },
    );

  beforeAll(async () => {
    yard.writeBusybox();
    yard.write({ 'etc/os-release': 'ID=test\n' });
    await yard.build(`${SHELL}COPY etc/ /etc/\nRUN echo deep > /deep; rm /bin/yes\n`, { tags: ['golden'] });
  });

  afterAll(async () => {
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  test('the layers of an image are a chain that 7-Zip reads, equal to the disk that export makes of it', async () => {
    await exportTo('golden', 'golden.raw');
    const store = await yard.store();
    const [leaf] = store.chainPaths((await store.image('golden')).config.layers);
    // -tVHDX: 7-Zip would otherwise look into the partition table and give the partitions alone.
    const theirs = execFileSync('sh', ['-c', `7zz x -tVHDX -so '${leaf}' | sha256sum`], { encoding: 'utf8' });
    const ours = execFileSync('sh', ['-c', `sha256sum < '${at('golden.raw')}'`], { encoding: 'utf8' });
    expect(theirs).toBe(ours);
    execFileSync('sgdisk', ['-v', at('golden.raw')]);
  });

  test.each(['vhdx', 'vhd', 'qcow2', 'img'])(
    'an image goes out as .%s and comes back as a base',
    async (ending) => {
      const file = `trip.${ending}`;
      const { allocatedBytes } = await exportTo('golden', file);
      expect(allocatedBytes).toBeLessThan(16 * 2 ** 20);
      const { image } = await yard.build(`FROM ./${file}\nRUN cat /deep /etc/os-release > /both\n`);
      await yard.inside(image.id, (root) => {
        expect(readFileSync(path.join(root, 'both'), 'utf8')).toBe('deep\nID=test\n');
      });
      expect((await yard.build(`FROM ./${file}\nRUN cat /deep /etc/os-release > /both\n`)).cachedSteps).toBe(
        2,
      );
    },
  );

  test('exported disks hold the same bytes in every format', () => {
    for (const [file, format] of [
      ['trip.vhdx', 'vhdx'],
      ['trip.vhd', 'vpc'],
      ['trip.qcow2', 'qcow2'],
    ] as const) {
      execFileSync('qemu-img', ['compare', '-f', 'raw', '-F', format, at('golden.raw'), at(file)]);
    }
  });

  test('export does not overwrite, and refuses endings it does not know', async () => {
    await expect(exportTo('golden', 'golden.raw')).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      exitStatus: 2,
    });
    await expect(exportTo('golden', 'golden.iso')).rejects.toMatchObject({
      code: 'DISK_FORMAT_UNKNOWN',
      exitStatus: 2,
    });
    await expect(exportTo('silver', 'silver.raw')).rejects.toMatchObject({ code: 'STORE_IMAGE_NOT_FOUND' });
  });

  test.each([
    ['plain', ''],
    ['gz', '-z'],
    ['xz', '-J'],
    ['zst', '--zstd'],
  ])('a root file system tar (%s) becomes an image', async (name, flag) => {
    const file = `root.tar.${name}`;
    execFileSync('tar', [
      '-c',
      ...(flag ? [flag] : []),
      '-f',
      at(file),
      '-C',
      yard.context,
      'etc',
      'busybox',
    ]);
    const { id } = await importFrom(file, `from-${name}`);
    await yard.inside(id, (root) => {
      expect(readFileSync(path.join(root, 'etc/os-release'), 'utf8')).toBe('ID=test\n');
      expect(existsSync(path.join(root, 'busybox'))).toBe(true);
    });
  });

  test('importing the same file twice makes nothing new', async () => {
    const first = await importFrom('trip.qcow2', 'twice');
    const second = await importFrom('trip.qcow2', 'twice');
    expect(second.id).toBe(first.id);
  });

  test('a disk that somebody may still write is copied, not linked', async () => {
    const store = await yard.store();
    const { config } = await store.image('twice');
    const [layer] = store.chainPaths(config.layers);
    expect(statSync(layer).nlink).toBe(1);
  });

  test('a disk that was not closed comes in with what is only in its log, and as a file that is closed', async () => {
    const bytes = readFileSync(at('trip.vhdx'));
    const clean = openCleanLayer(at('trip.vhdx'));
    clean.file.close();
    const { fileOffset, length } = clean.regions.bat;
    const table = new Uint8Array(bytes.subarray(fileOffset, fileOffset + length));
    const pages = Array.from({ length: 16 }, (_, i) => ({
      kind: 'page' as const,
      fileOffset: fileOffset + i * SECTOR,
      bytes: table.subarray(i * SECTOR, (i + 1) * SECTOR),
    }));
    // All blocks of the disk are in the log alone; nobody may write to the file, so that it could be shared.
    writeFileSync(at('unclosed.vhdx'), bytes.fill(0, fileOffset, fileOffset + length));
    leaveUnclosed(at('unclosed.vhdx'), (ring) => putEntry(ring, 0, entryOf(pages)));
    chmodSync(at('unclosed.vhdx'), 0o444);
    const { image } = await yard.build('FROM ./unclosed.vhdx\nRUN cat /deep > /copy\n');
    await yard.inside(image.id, (root) => {
      expect(readFileSync(path.join(root, 'copy'), 'utf8')).toBe('deep\n');
    });
    const store = await yard.store();
    const base = store.chainPaths((await store.image(image.id)).config.layers).at(-1)!;
    openCleanLayer(base).file.close();
    execFileSync('qemu-img', ['compare', '-f', 'vhdx', '-F', 'raw', base, at('golden.raw')]);
  });

  test('what is not a disk with a system is refused, and nothing is left', async () => {
    writeFileSync(at('text.raw'), 'not a disk\n');
    writeFileSync(at('cut.vhdx'), readFileSync(at('trip.vhdx')).subarray(0, 3 * 2 ** 20));
    truncateSync(at('trip.qcow2'), 300_000);
    for (const file of ['text.raw', 'cut.vhdx', 'trip.qcow2', 'missing.vhdx']) {
      const failed = yard.build(`FROM ./${file}\n`);
      await expect(failed).rejects.toMatchObject({ name: 'HyperfileError', at: { line: 1 } });
    }
  });

  test('an image that is not there is named', async () => {
    await expect(yard.build('FROM nowhere:1.0\n')).rejects.toMatchObject({
      code: 'BUILD_NO_IMAGE',
      exitStatus: 3,
      message: 'there is no image "nowhere:1.0" in the store',
    });
  });
});
