/** No space left while layers come from a registry or go there: clear words, nothing half done, and builds that go on if they can. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { cacheWarnings, Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectRefusal } from './support/site.ts';

const MIB = 1024 * 1024;
/** Does not compress: a layer of it needs this much here, and once more while it travels. */
const BIG_BYTES = 14 * MIB;
const DISK_MIB = 64;
const RECIPE = 'FROM scratch\nCOPY page /page\nCOPY big /big\n';

describeWith([...MACHINE_NEEDS, 'mount', 'umount'], 'a store on a full disk', () => {
  const big = randomBytes(BIG_BYTES);
  let registry: TestRegistry;
  let here: Machine;
  let site: Machine;
  let disk: string;
  let name: string;
  let cache: string;

  beforeAll(async () => {
    registry = await startRegistry();
    name = `${registry.host}/full/web:1`;
    cache = `type=registry,ref=${registry.host}/full/cache`;
    here = new Machine(registry.env);
    here.write({ page: 'a page\n', big });
    await here.built(RECIPE, ['-t', name, '--cache-to', cache]);
    await here.done(['push', name]);
  });

  beforeEach(() => {
    disk = mkdtempSync(path.join(tmpdir(), 'hyperfile-e2e-small-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', disk]);
    site = new Machine(registry.env, path.join(disk, 'store'));
    site.write({ page: 'a page\n', big });
  });

  afterEach(async () => {
    await site.expectNothingLeft();
    await site.expectWholeStore();
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
    site.remove();
  });

  afterAll(async () => {
    here.remove();
    await registry.stop();
  });

  function fillBut(bytes: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(bavail * bsize - bytes));
  }

  const makeRoom = () => rmSync(path.join(disk, 'ballast'));
  const says = () => ['no space left on the disk that holds', disk, 'DISK_FULL', 'hyperfile prune'];

  test('ends a pull, which goes on when there is room', async () => {
    for (const free of [MIB, 5 * MIB, 12 * MIB]) {
      fillBut(free);
      expectRefusal(await site.run(['pull', name]), 1, says());
      await site.expectNoImage();
      makeRoom();
    }
    await site.done(['pull', name]);
    expect(site.layers()).toEqual(here.layers());
    expect(site.incoming()).toEqual([]);
  });

  test('that holds what a step makes, but not what its import needs, makes the build go on without the cache', async () => {
    fillBut(BIG_BYTES + 8 * MIB);
    const { status, err } = await site.build(RECIPE, ['-t', 'web', '--cache-from', cache]);
    expect(status, err).toBe(0);
    expect(cacheWarnings(err)).toHaveLength(1);
    expect(err).toContain('no space left');
    expect(await site.chainOf('web')).toHaveLength(3);
  });

  test('that holds neither fails the build with clear words', async () => {
    fillBut(BIG_BYTES / 2);
    const ended = await site.build(RECIPE, ['-t', 'web', '--cache-from', cache]);
    expectRefusal(ended, 1, says());
    makeRoom();
    await site.built(RECIPE, ['-t', 'web']);
  });

  test('has no room to pack a layer: the image is there, the export is not', async () => {
    fillBut(BIG_BYTES + 8 * MIB);
    const to = `type=registry,ref=${registry.host}/full/other`;
    const { status, err } = await site.build(RECIPE, ['-t', 'web', '--cache-to', to]);
    expect(status, err).toBe(0);
    expect(cacheWarnings(err)).toHaveLength(1);
    await site.done(['tag', 'web', `${registry.host}/full/pushed:1`]);
    expectRefusal(await site.run(['push', `${registry.host}/full/pushed:1`]), 1, says());
    makeRoom();
    await site.done(['push', `${registry.host}/full/pushed:1`]);
  });
});
