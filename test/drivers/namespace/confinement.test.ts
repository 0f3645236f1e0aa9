import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sandbox } from '../../../src/drivers/driver.ts';
import type { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import { describeWith } from '../../support/needs.ts';
import { GUEST_NEEDS, sh, Workplace } from '../support/guest.ts';

/** Docker's fourteen, as a mask. */
const DEFAULT_CAPABILITIES = '00000000a80425fb';

describeWith(GUEST_NEEDS, 'what a command in a guest can reach', () => {
  let place: Workplace;
  let driver: NamespaceDriver;
  let sandbox: Sandbox;
  let strayFd: number;

  beforeAll(async () => {
    place = new Workplace();
    driver = place.driver();
    const chain = await place.makeGuest(driver);
    sandbox = await driver.open({ chain, sandboxPath: place.layerPath(), root: place.root });
    await sandbox.files.writeFile({ destination: '/marker', name: '', content: Buffer.from('guest') });
    strayFd = openSync('/', 'r');
  });

  afterAll(async () => {
    closeSync(strayFd);
    await driver.close();
    place.remove();
  });

  test('root has Docker’s default capabilities, and can get no others', async () => {
    const { stdout } = await sh(sandbox, 'grep Cap /proc/self/status');
    expect(capabilities(stdout)).toEqual({
      CapInh: '0000000000000000',
      CapPrm: DEFAULT_CAPABILITIES,
      CapEff: DEFAULT_CAPABILITIES,
      CapBnd: DEFAULT_CAPABILITIES,
      CapAmb: '0000000000000000',
    });
    expect((await sh(sandbox, 'mount -t tmpfs none /tmp')).status).not.toBe(0);
  });

  test('other users have none, but may become root through a set-user-ID program', async () => {
    const { stdout } = await sh(sandbox, 'grep -E "Cap|NoNewPrivs" /proc/self/status', { user: 'alice' });
    expect(capabilities(stdout)).toMatchObject({
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: DEFAULT_CAPABILITIES,
      NoNewPrivs: '0',
    });
  });

  test('no descriptor of the builder, whatever it has open', async () => {
    const { stdout } = await sh(
      sandbox,
      'for f in /proc/self/fd/* /proc/1/fd/*; do echo $f $(readlink $f); done',
    );
    const open = stdout.split('\n').filter((line) => / [^ ]/.test(line));
    expect(open.every((line) => / (\/dev\/null|pipe:.*|\/proc\/\d+\/fd)$/.test(line))).toBe(true);
  });

  test('no mount of the host', async () => {
    const { stdout } = await sh(sandbox, 'cat /proc/1/mountinfo');
    const mounts = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    const own = mounts.filter(([, , , , target = '']) => !/^\/(proc|sys|dev)(\/|$)/.test(target));
    expect(own.map(([, , , , target]) => target).sort()).toEqual(['/', '/etc/hosts', '/etc/resolv.conf']);
    expect(mounts.filter(([, , , , target]) => target === '/')).toHaveLength(1);
    // The root of process 1 is the root of the mount namespace: its parent is not in the list.
    const root = mounts.find(([, , , , target]) => target === '/')!;
    expect(mounts.some(([id]) => id === root[1])).toBe(false);
    expect((await sh(sandbox, 'cat /proc/1/root/marker /proc/1/cwd/marker /../../marker')).stdout).toBe(
      'guestguestguest',
    );
  });

  test('no process of the host', async () => {
    const { stdout } = await sh(sandbox, 'ls -d /proc/[0-9]* | wc -l');
    expect(Number(stdout)).toBeLessThan(5);
    expect((await sh(sandbox, `kill -0 ${process.pid}`)).status).not.toBe(0);
  });

  test('device nodes can be made, but not used', async () => {
    const [major, minor] = hostDisk();
    for (const folder of ['/tmp', '/dev', '/dev/shm']) {
      const made = await sh(sandbox, `mknod ${folder}/disk b ${major} ${minor} && head -c 1 ${folder}/disk`);
      expect(made.status).not.toBe(0);
      expect(made.stdout).toBe('');
      expect(made.stderr).toMatch(/denied|not permitted/);
    }
    expect((await sh(sandbox, 'test -b /tmp/disk')).status).toBe(0);
  });

  test('the usual devices work', async () => {
    const line =
      'echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && echo x >/dev/full';
    const { stdout, stderr } = await sh(sandbox, line, { user: 'alice' });
    expect(stdout.split('\n').map((text) => text.trim())).toEqual(['4', '4', '']);
    expect(stderr).toContain('No space');
    expect((await sh(sandbox, 'echo a >/dev/shm/a && ls -la /dev/pts/ptmx /dev/ptmx')).status).toBe(0);
  });

  test('the host’s state in /proc and /sys is hidden or read-only', async () => {
    const { stderr } = await sh(
      sandbox,
      'echo 1 >/proc/sys/vm/drop_caches; echo b >/proc/sysrq-trigger; echo 1 >/sys/kernel/x',
    );
    expect(stderr.match(/Read-only|nonexistent|Permission/g)?.length).toBeGreaterThanOrEqual(2);
    expect((await sh(sandbox, 'cat /proc/kcore /proc/keys /proc/timer_list | wc -c')).stdout.trim()).toBe(
      '0',
    );
  });

  test('a root within the root is left towards the guest’s own only', async () => {
    await copyPerl(sandbox);
    const escape =
      'mkdir "/x"; chroot "/x"; chdir ".." for 1 .. 64; chroot "."; open F, "<", "/marker"; print <F>';
    expect((await sh(sandbox, `/perl/perl -e '${escape}'`)).stdout).toBe('guest');
  });
});

function capabilities(status: string): Record<string, string> {
  return Object.fromEntries(
    status
      .trim()
      .split('\n')
      .map((line) => line.split(':\t') as [string, string]),
  );
}

/** Major and minor number of the device under the host's root file system. */
function hostDisk(): [string, string] {
  const root = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[4] === '/');
  const [major = '8', minor = '0'] = root?.split(' ')[2]?.split(':') ?? [];
  return [major, minor];
}

/** The host's perl with its libraries: something that can call chroot(2) without changing its folder. */
async function copyPerl(sandbox: Sandbox): Promise<void> {
  const perl = realpathSync(execFileSync('sh', ['-c', 'command -v perl'], { encoding: 'utf8' }).trim());
  const libraries = execFileSync('ldd', [perl], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    await sandbox.files.writeFile({
      destination: library,
      name: '',
      content: readFileSync(library),
      mode: '0755',
    });
  }
  await sandbox.files.writeFile({
    destination: '/perl/perl',
    name: '',
    content: readFileSync(perl),
    mode: '0755',
  });
}
