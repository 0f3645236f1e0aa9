/** A host that lacks something: the error names it and the way to get it, status 5, and nothing was begun. */
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith, OPEN_TO_OTHERS, testWith } from '../support/needs.ts';
import { withOwnMounts } from '../support/own-mounts.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

const NOBODY = 65534;

describeWith([...SITE_NEEDS, 'setpriv', 'unshare'], 'a host', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const recipe = 'FROM shell\nRUN echo new > /new\n';

  testWith(
    [OPEN_TO_OTHERS],
    'where one is not root says so, and works all the same for what needs no rights',
    async () => {
      chmodSync(site.folder, 0o755);
      const store = path.join(site.folder, 'own-store');
      cpSync(site.home, store, { recursive: true });
      execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, store]);
      const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
      const options = { wrapper, env: { HYPERFILE_STORE: store } };
      const says = ['opening a sandbox needs root rights', 'sudo', 'NOT_ROOT', /:2:1\n {2}2 \| RUN/];
      await site.refused(recipe, 5, says, [], options);
      expect((await site.run(['images'], options)).out).toContain('shell');
      expect((await site.build(site.shell, [], options)).err).toContain('(3 steps, 3 cached)');
    },
  );

  testWith([OPEN_TO_OTHERS], 'whose store belongs to another user says so', async () => {
    const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
    await site.refused(recipe, 5, [`cannot use the store ${site.home}`, 'permission denied'], [], {
      wrapper,
    });
  });

  test('without /dev/fuse says how to get it', async () => {
    const hide = 'mount --bind /dev/null /dev/fuse && exec "$@"';
    const wrapper = withOwnMounts(site.folder, hide);
    await site.refused(recipe, 5, ['/dev/fuse', 'modprobe fuse', 'FUSE_'], [], { wrapper });
  });

  test('whose /dev has no fuse at all says how to get it', async () => {
    const hide =
      'mkdir "$own/dev" && mount -t tmpfs dev "$own/dev" && cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$own/dev" && mount --move "$own/dev" /dev && exec "$@"';
    const wrapper = withOwnMounts(site.folder, hide);
    await site.refused(recipe, 5, ['/dev/fuse', 'ENOENT', 'modprobe fuse', 'FUSE_UNAVAILABLE'], [], {
      wrapper,
    });
    rmSync(path.join(site.folder, 'dev'), { recursive: true, force: true });
  });

  test.each([
    ['losetup', 'mount', recipe],
    ['mount', 'mount', recipe],
    ['umount', 'mount', recipe],
    ['setpriv', 'util-linux', recipe],
    ['perl', 'perl-base', recipe],
    ['mke2fs', 'e2fsprogs', 'FROM scratch\nCOPY page /other\n'],
    ['mmdebstrap', 'mmdebstrap', 'FROM debootstrap://bookworm\n'],
    ['qemu-img', 'qemu-utils', 'FROM ./page.qcow2\n'],
  ])('without %s names it and its package', async (tool, package_, needing) => {
    site.write({ 'page.qcow2': Buffer.from('QFI\u00fb', 'latin1') });
    const flags = ['--disk-size', '600M'];
    const says = [`${tool} is needed and was not found`, `apt-get install ${package_}`, 'TOOL_MISSING'];
    await site.refused(needing, 5, says, flags, { wrapper: without(site, [tool, 'debootstrap']) });
  });
});

/** Runs a command where some programs are not: in a view of the host's folders in which they were removed. */
function without(site: Site, tools: readonly string[]): string[] {
  const changes = mkdtempSync(path.join(site.folder, 'without-'));
  const lines = ['/usr/bin', '/usr/sbin'].flatMap((folder, index) => {
    const [upper, work] = [path.join(changes, `upper-${index}`), path.join(changes, `work-${index}`)];
    mkdirSync(upper);
    mkdirSync(work);
    const gone = tools.map((tool) => path.join(folder, tool)).filter((file) => existsSync(file));
    const mounted = `mount -t overlay -o lowerdir=${folder},upperdir=${upper},workdir=${work} overlay ${folder}`;
    return [mounted, ...gone.map((file) => `rm ${file}`)];
  });
  // Both are mounted before anything is removed: mount itself may be what goes.
  const ordered = [
    ...lines.filter((line) => line.startsWith('mount')),
    ...lines.filter((line) => line.startsWith('rm')),
  ];
  return withOwnMounts(site.folder, `${ordered.join(' && ')} && exec "$@"`);
}
