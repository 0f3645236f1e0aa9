import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { builtCommand } from '../support/built-command.ts';
import { fakeConsole } from './fake-console.ts';
import { hyperfile, imagesOf, newHost, output, withImage, type Host } from './transfer-hosts.ts';

let here: Host;
let there: Host;
beforeEach(() => {
  here = newHost({});
  there = newHost({});
});

const fileOf = (host: Host, name: string) => path.join(host.folder, name);
const runFiles = (host: Host) => readdirSync(path.join(host.env.HYPERFILE_STORE ?? '', 'run'));

/** Runs the command as a program, whose input and output are pipes. */
function piped(host: Host, args: readonly string[], input?: Buffer) {
  const env = { ...process.env, ...host.env };
  return spawnSync(process.execPath, [builtCommand(), ...args], {
    cwd: host.folder,
    env,
    maxBuffer: 1 << 28,
    ...(input && { input }),
  });
}

describe('save and load', () => {
  test('carry several images in a file, under their names', async () => {
    const web = await withImage(here, ['web:1.2']);
    const db = await withImage(here, ['localhost:5000/team/db:latest'], 2);
    const digests = await output(here, 'save -q -o images.tar web:1.2 localhost:5000/team/db');
    expect(digests.trim().split('\n')).toHaveLength(2);
    const archive = fileOf(here, 'images.tar');
    expect(await output(there, `load -i ${archive}`)).toBe(
      'Loaded: web:1.2\nLoaded: localhost:5000/team/db:latest\n',
    );
    const images = await imagesOf(there);
    expect([images.get('web:1.2'), images.get('localhost:5000/team/db:latest')]).toEqual([web, db]);
  });

  test('go through pipes, and leave nothing behind', async () => {
    const id = await withImage(here, ['web:1.2']);
    const saved = piped(here, ['save', 'web:1.2']);
    expect(saved.status, saved.stderr.toString()).toBe(0);
    expect(saved.stderr.toString()).toMatch(/^saving web:1\.2\n/);
    const loaded = piped(there, ['load', '-q'], saved.stdout);
    expect(loaded.stdout.toString(), loaded.stderr.toString()).toBe(`${id}\n`);
    expect([...runFiles(here), ...runFiles(there)]).toEqual([]);
  });

  test('do not write to a terminal, nor archive and events to the same place', async () => {
    await withImage(here, ['web']);
    const terminal = await hyperfile(here, 'save web', { isTTY: true });
    expect(terminal.status).toBe(2);
    expect(terminal.err).toContain('an archive is not written to a terminal');
    expect((await hyperfile(here, 'save --format json web')).status).toBe(2);
  });

  test('leave no archive when an image is not there', async () => {
    await withImage(here, ['web']);
    expect((await hyperfile(here, 'save -o out.tar web nothing')).status).toBe(1);
    expect(existsSync(fileOf(here, 'out.tar'))).toBe(false);
    expect((await hyperfile(here, 'save -o no/such/folder/out.tar web')).status).not.toBe(0);
  });

  test.each([
    ['noise', Buffer.alloc(100_000, 7), 'is not an archive of images'],
    ['nothing', Buffer.alloc(0), 'is not an archive of images'],
  ])('refuse %s as an archive', async (_, bytes, message) => {
    const { status, stderr } = piped(there, ['load'], bytes);
    expect(status).toBe(4);
    expect(stderr.toString()).toContain(`standard input ${message}`);
    writeFileSync(fileOf(there, 'bad.tar'), bytes);
    const { status: fromFile, err } = await hyperfile(there, 'load -i bad.tar');
    expect(fromFile).toBe(4);
    expect(err).toContain('bad.tar');
    expect(runFiles(there)).toEqual([]);
  });

  test('refuse an archive that is cut short, and a file that is not there', async () => {
    await withImage(here, ['web']);
    await output(here, 'save -o whole.tar web');
    const bytes = readFileSync(fileOf(here, 'whole.tar'));
    writeFileSync(fileOf(there, 'cut.tar'), bytes.subarray(0, bytes.length / 2));
    expect((await hyperfile(there, 'load -i cut.tar')).status).toBe(4);
    expect((await hyperfile(there, 'load -i nothing.tar')).err).toContain('nothing.tar');
    expect((await imagesOf(there)).size).toBe(0);
  });

  test('say so when there is nobody to send an archive', async () => {
    const console = fakeConsole({ env: there.env });
    Object.assign(console.input, { isTTY: true });
    const { run } = await import('../../src/cli/run.ts');
    expect(await run(['load'], console)).toBe(2);
    expect(console.written.err).toContain('Name a file with -i.');
  });
});

describe('copy', () => {
  test('goes from archive to folder to archive and back, and the digest stays', async () => {
    const id = await withImage(here, ['web:1']);
    const digest = (await output(here, 'save -q -o a.tar web:1')).trim();
    expect((await output(here, 'copy -q oci-archive:a.tar:web:1 oci:layout:one')).trim()).toBe(digest);
    expect((await output(here, 'copy -q oci:layout:one oci-archive:b.tar:web:2')).trim()).toBe(digest);
    expect(await output(here, 'tags oci:layout')).toBe('one\n');
    await output(there, `load -i ${fileOf(here, 'b.tar')}`);
    expect((await imagesOf(there)).get('web:2')).toBe(id);
    await output(there, `load -i oci:${fileOf(here, 'layout')} --name other`);
    expect((await imagesOf(there)).get('other:one')).toBe(id);
  });

  test.each([
    ['copy oci:nowhere oci:layout', 'nowhere'],
    ['copy dir:/x oci:layout', '"dir" is not a kind of place'],
    ['copy oci: oci:layout', 'is not a place'],
    ['copy Web oci:layout', 'upper-case'],
    [`copy oci:x web@sha256:${'a'.repeat(64)}`, 'copied to a tag'],
    ['copy --all --platform linux/amd64 oci:x oci:y', 'cannot go together'],
    ['copy --platform linux oci:x oci:y', 'OS/ARCHITECTURE'],
    ['copy oci:x', 'DST is missing'],
    ['index web:all', 'SOURCE is missing'],
    ['tags oci:nowhere', 'nowhere'],
  ])('%s: says what is wrong', async (line, message) => {
    const { status, err } = await hyperfile(here, line);
    expect(status, err).not.toBe(0);
    expect(err).toContain(message);
    expect(err).toContain('hint:');
  });
});
