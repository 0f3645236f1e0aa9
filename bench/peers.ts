/** The peers that builds are compared with: Docker's BuildKit and buildah, as Debian packages them, in folders of our own. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';

export interface Peer {
  readonly name: string;
  /** Makes an image of a root file system tar, under a name. */
  importTar(tar: string, name: string): Promise<void>;
  /** Builds a folder's Dockerfile; throws with its output when that fails. */
  build(folder: string, name: string, options?: { noCache?: boolean }): Promise<void>;
  /** Forgets every cached step and image but the imported ones. */
  forgetSteps(): Promise<void>;
  /** What the last layer of an image occupies on disk, where the peer can tell. */
  lastLayerBytes?(name: string): Promise<number>;
  close(): Promise<void>;
}

export async function isInstalled(program: string): Promise<boolean> {
  const { exitCode } = await execa('sh', ['-c', `command -v ${program}`], { reject: false });
  return exitCode === 0;
}

/** A Docker daemon that lives as long as the benchmark; builds use the host's network. */
export async function startDocker(): Promise<Peer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperfile-bench-docker-'));
  const socket = path.join(folder, 'docker.sock');
  const daemon = spawn(
    'dockerd',
    [
      '--data-root',
      `${folder}/data`,
      '--exec-root',
      `${folder}/exec`,
      '--pidfile',
      `${folder}/pid`,
      '-H',
      `unix://${socket}`,
    ].concat(['--iptables=false', '--ip6tables=false', '--bridge=none']),
    { stdio: 'ignore' },
  );
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '1', DOCKER_CONFIG: folder };
  const client = (await isInstalled('/usr/bin/docker')) ? '/usr/bin/docker' : 'docker';
  const docker = (...args: string[]) => execa(client, args, { env });
  for (let tries = 0; (await execa(client, ['version'], { env, reject: false })).exitCode !== 0; tries++) {
    if (tries === 50) throw new Error('dockerd did not start');
    await setTimeout(200);
  }
  return {
    name: 'BuildKit',
    importTar: async (tar, name) => void (await docker('import', tar, name)),
    build: async (target, name, { noCache = false } = {}) =>
      void (await docker(
        'build',
        '-q',
        '--network=host',
        ...(noCache ? ['--no-cache'] : []),
        '-t',
        name,
        target,
      )),
    forgetSteps: async () => void (await docker('builder', 'prune', '-af')),
    lastLayerBytes: async (name) => {
      const { stdout } = await docker('image', 'inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', name);
      const { stdout: kibibytes } = await execa('du', ['-sk', stdout.trim()]);
      return parseInt(kibibytes, 10) * 1024;
    },
    close: async () => {
      daemon.kill('SIGTERM');
      await new Promise((resolve) => daemon.once('exit', resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** buildah with a storage of its own and one layer an instruction, as Docker makes them. */
export async function startBuildah(): Promise<Peer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperfile-bench-buildah-'));
  const storage = ['--root', `${folder}/root`, '--runroot', `${folder}/run`];
  const buildah = (...args: string[]) => execa('buildah', [...storage, ...args]);
  return {
    name: 'buildah',
    importTar: async (tar, name) => {
      const { stdout: container } = await buildah('from', 'scratch');
      await buildah('add', container, tar, '/');
      await buildah('commit', '--rm', container, name);
    },
    build: async (target, name, { noCache = false } = {}) => {
      // runc comes with Docker and runs on every cgroup layout; crun does not.
      const options = [
        '--layers',
        '--runtime=runc',
        '--network=host',
        '--pull-never',
        ...(noCache ? ['--no-cache'] : []),
      ];
      await buildah('build', ...options, '-q', '-t', name, target);
    },
    forgetSteps: () => Promise.resolve(),
    close: async () => {
      await buildah('rmi', '-af');
      // The overlay storage mounts itself on itself.
      await execa('umount', ['-R', '-l', `${folder}/root/overlay`], { reject: false });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
