/** No space left: on the host's disk, which holds the store, or in the guest. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'a store on a full disk', () => {
  const disk = mkdtempSync(path.join(tmpdir(), 'hyperfile-e2e-small-'));
  const ballast = path.join(disk, 'ballast');
  const site = new Site(path.join(disk, 'store'));

  beforeAll(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', disk]);
    await site.prepare();
  });

  afterEach(async () => {
    await site.expectNothingLeft();
    rmSync(ballast, { force: true });
    await site.expectCached();
    await site.expectWholeStore();
  });

  afterAll(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
    site.remove();
  });

  const full = ['no space left on the disk that holds', disk, 'DISK_FULL', 'HYPERFILE_STORE'];

  test('fails the command that writes too much, whatever the command makes of it', async () => {
    const loud = 'FROM shell\nRUN dd if=/dev/urandom of=/big bs=1M count=100\n';
    await site.refused(loud, 1, [...full, /:2:1\n {2}2 \| RUN dd/]);
    const silent = 'FROM shell\nRUN dd if=/dev/urandom of=/big bs=1M count=100 2>/dev/null; sync; true\n';
    await site.refused(silent, 1, [...full, /:2:1\n {2}2 \| RUN dd/]);
    await site.built('FROM shell\nRUN echo fits > /small\n');
  });

  test('fails a COPY and an ADD of too much', async () => {
    site.write({ 'big/file': execFileSync('head', ['-c', '60M', '/dev/urandom'], { maxBuffer: 1e9 }) });
    execFileSync('tar', ['-cf', 'big.tar', 'big'], { cwd: site.context });
    await site.refused('FROM shell\nCOPY big /big\n', 1, [...full, /:2:1\n {2}2 \| COPY/]);
    await site.refused('FROM shell\nADD big.tar /big\n', 1, [...full, /:2:1\n {2}2 \| ADD/]);
  });

  test('that has not a byte left fails a build at once, and can still be listed and pruned', async () => {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    await site.refused('FROM shell\nRUN echo more > /more\n', 1, full);
    expect((await site.run(['images'])).status).toBe(0);
    expect((await site.run(['prune', '--dry-run'])).status).toBe(0);
    const { status, err } = await site.run(['prune']);
    expect(status, err).toBe(0);
  });
});

describeWith(SITE_NEEDS, 'a full guest', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterAll(async () => {
    await site.expectNothingLeft();
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const flags = ['--disk-size', '200M'];

  test('fails the command with what the command says itself', async () => {
    const recipe = `${site.shell}RUN dd if=/dev/zero of=/big bs=1M count=300\n`;
    const says = ['No space left on device', 'the command ended with status 1', /:5:1\n {2}5 \| RUN dd/];
    const err = await site.refused(recipe, 1, says, flags);
    expect(err).not.toContain('DISK_FULL');
  });

  test('fails a COPY that does not fit, and says how to make room', async () => {
    mkdirSync(path.join(site.context, 'big'));
    execFileSync('truncate', ['-s', '300M', path.join(site.context, 'big/sparse')]);
    writeFileSync(path.join(site.context, 'big/dense'), Buffer.alloc(150 * 1024 * 1024, 1));
    const says = [
      "no space left in the guest's file system",
      '--disk-size',
      'FS_GUEST_FULL',
      /:5:1\n {2}5 \| COPY/,
    ];
    await site.refused(`${site.shell}COPY big /big\n`, 1, says, flags);
  });

  test('that is too small for any file system is refused', async () => {
    await site.refused(
      'FROM scratch\nCOPY page /\n',
      2,
      ['is too small', 'FS_DISK_TOO_SMALL'],
      ['--disk-size', '1M'],
    );
  });
});
