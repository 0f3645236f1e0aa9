import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { fakeConsole } from './fake-console.ts';
import { storeWithImages } from './store-with-images.ts';

let home: string;
let id: string;
beforeEach(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-images-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  home = path.join(folder, 'store');
  id = await storeWithImages(home, ['web:1.2', 'web:latest']);
});

/** Runs a command line and returns its standard output. */
async function output(line: string, status = 0): Promise<string> {
  const console = fakeConsole({ env: { HYPERFILE_STORE: home } });
  expect(await run(line.split(' '), console), console.written.err).toBe(status);
  return console.written.out;
}

async function json(line: string): Promise<unknown> {
  return JSON.parse(await output(line));
}

const short = () => id.slice('sha256:'.length).slice(0, 12);

describe('images', () => {
  test('are listed by name, with a short id, kind, age, layers and size', async () => {
    const lines = (await output('images')).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^NAME +ID +KIND +CREATED +LAYERS +SIZE$/);
    expect(lines[1]).toMatch(new RegExp(`^web:1.2 +${short()} +machine +.* ago +2 +48 KiB$`));
    expect(lines[2]).toMatch(/^web:latest /);
  });

  test('are shown by a name with a digest only when they have no other', async () => {
    const pinned = `host.example/web@sha256:${'1'.repeat(64)}`;
    await output(`tag ${short()} ${pinned}`);
    expect(await output('images')).not.toContain('@sha256');
    expect(await json('images --format json')).toMatchObject([
      { names: expect.arrayContaining([pinned]) as string[] },
    ]);
    await output('rmi web:1.2 web');
    expect(await output('images')).toContain(pinned);
  });

  test('come as ids alone, and as JSON', async () => {
    expect(await output('images -q')).toBe(`${id}\n`);
    expect(await json('images --format json')).toMatchObject([
      {
        id,
        names: ['web:1.2', 'web:latest'],
        kind: 'machine',
        allocatedBytes: 48 * 1024,
        diskBytes: 64 * 1024 ** 3,
      },
    ]);
  });

  test('get and lose names; an image goes with its last one', async () => {
    await output(`tag ${short()} db`);
    expect(await output('rmi web:1.2 web')).toBe('Untagged: web:1.2\nUntagged: web:latest\n');
    expect(await output('rmi db')).toBe(`Untagged: db:latest\nDeleted: ${id}\n`);
    expect(await json('images --format json')).toEqual([]);
  });

  test('that are named by id are removed only by force when they have several names', async () => {
    await output(`rmi ${short()}`, 1);
    expect(await output(`rmi -f ${short()}`)).toContain(`Deleted: ${id}`);
  });
});

describe('the history of an image', () => {
  test('is shown with the last instruction first, each with its layer and size', async () => {
    const lines = (await output('history web')).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^CREATED +CREATED BY +SIZE +LAYER$/);
    expect(lines[1]).toMatch(/ ago +RUN apt-get install a-long-package-name .*… +8 KiB +[0-9a-f]{12}$/);
    expect(lines[2]).toMatch(/ENV PATH=\/bin +0 B$/);
    expect(lines[3]).toMatch(/FROM scratch +40 KiB +[0-9a-f]{12}$/);
  });

  test('is shown in full when asked, and as JSON', async () => {
    expect(await output('history --no-trunc web')).toMatch(/package-name && true +8 KiB +[0-9a-f]{32}$/m);
    expect(await output('history -q web')).toMatch(/^[0-9a-f]{32}\n[0-9a-f]{32}\n$/);
    expect(await json('history web --format json')).toMatchObject([
      { allocatedBytes: 8192 },
      { createdBy: 'ENV PATH=/bin' },
      { createdBy: 'FROM scratch' },
    ]);
  });

  test('of an image that is not there is an error', async () => {
    expect(await output('history nothing', 1)).toBe('');
  });
});

describe('inspect', () => {
  test('shows everything about images, with the files of their layers', async () => {
    expect(await json(`inspect web ${short()}`)).toMatchObject([
      { id, names: ['web:1.2', 'web:latest'], config: { env: { PATH: '/bin' } } },
      {
        id,
        layers: [
          { allocatedBytes: 8192, path: expect.stringMatching(/\.vhdx$/) as unknown },
          { fileBytes: 40960 },
        ],
      },
    ]);
  });
});

describe('prune', () => {
  test('leaves what images hold, and frees what they held', async () => {
    expect(await output('prune')).toBe('Freed 0 B (0 layers, 0 images, 0 cached steps, 0 leftovers)\n');
    await output(`rmi -f ${short()}`);
    expect(await output('prune --dry-run')).toMatch(/^Would free \d\d KiB \(2 layers/);
    expect(await output('prune')).toMatch(/^Freed .* \(2 layers/);
    expect(await json('prune --format json')).toMatchObject({ freedBytes: 0, layers: [] });
  });
});
