import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSession, runFolder, staleSessions } from '../../src/base/session.ts';
import { describeWith } from '../support/needs.ts';

/** A process id above any kernel's limit. */
const DEAD_OWNER = '99999999-1-00000000-1';

let stateFolder: string;

beforeEach(() => {
  stateFolder = mkdtempSync(path.join(tmpdir(), 'hyperfile-session-'));
});

afterEach(() => rmSync(stateFolder, { recursive: true, force: true }));

function leaveSession(record: string, owner = DEAD_OWNER): string {
  const folder = path.join(runFolder(stateFolder), `${owner}.1`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}.claims`, record);
  return folder;
}

describe('a session', () => {
  test('leaves nothing once it is closed', () => {
    const session = openSession(stateFolder);
    mkdirSync(path.join(session.folder, 'a/b'), { recursive: true });
    writeFileSync(path.join(session.folder, 'a/file'), '');
    session.close();
    expect(readdirSync(runFolder(stateFolder))).toEqual([]);
  });

  test('of a living process is not stale, and two of one process do not meet', () => {
    const [one, two] = [openSession(stateFolder), openSession(stateFolder)];
    expect(one.folder).not.toBe(two.folder);
    expect(staleSessions(stateFolder)).toEqual([]);
    one.close();
    expect(existsSync(two.folder)).toBe(true);
    two.close();
  });

  test('of a dead process names the files it claimed, and removes them with it', () => {
    const [unfinished, absent] = [path.join(stateFolder, 'unfinished'), path.join(stateFolder, 'absent')];
    writeFileSync(unfinished, '');
    const folder = leaveSession([unfinished, absent].map((file) => `+${JSON.stringify(file)}\n`).join(''));
    const [stale] = staleSessions(stateFolder);
    expect(stale).toMatchObject({ folder, files: [unfinished, absent] });
    stale?.remove();
    expect(existsSync(unfinished)).toBe(false);
    expect(readdirSync(runFolder(stateFolder))).toEqual([]);
  });

  test('writes down what it claims before it is made, and forgets what is released', () => {
    const session = openSession(stateFolder);
    const [kept, thrown] = [path.join(stateFolder, 'kept'), path.join(stateFolder, 'thrown')];
    session.claim(kept);
    session.claim(thrown);
    writeFileSync(kept, '');
    writeFileSync(thrown, '');
    session.release(kept);
    session.discard(thrown);
    expect([existsSync(kept), existsSync(thrown)]).toEqual([true, false]);
    session.close();
    expect(existsSync(kept)).toBe(true);
  });

  test('whose record was cut short is removed like any other', () => {
    leaveSession('+"/tm');
    const [stale] = staleSessions(stateFolder);
    expect(stale?.files).toEqual([]);
    stale?.remove();
    expect(readdirSync(runFolder(stateFolder))).toEqual([]);
  });

  test('is not looked for where there was never one', () => {
    expect(staleSessions(path.join(stateFolder, 'nowhere'))).toEqual([]);
  });
});

describeWith(['root', 'mount'], 'a session that ends with something still mounted below it', () => {
  test('removes nothing in there', () => {
    const folder = leaveSession('{"files":[]}');
    const target = path.join(folder, 'mounted');
    mkdirSync(target);
    execFileSync('mount', ['-t', 'tmpfs', 'none', target]);
    try {
      writeFileSync(path.join(target, 'precious'), '');
      staleSessions(stateFolder)[0]?.remove();
      expect(existsSync(path.join(target, 'precious'))).toBe(true);
    } finally {
      execFileSync('umount', [target]);
    }
  });
});
