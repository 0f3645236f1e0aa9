/** Every fault that can be put right without guessing is put right: the disk reads the same, and nothing is left to repair. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openChain } from '../../../src/vhdx/chain.ts';
import { checkChain } from '../../../src/vhdx/operations/check.ts';
import { repairDisk } from '../../../src/vhdx/operations/repair.ts';
import { baseFile, childFile, DAMAGES, edit, FLAWS, victim, type Damage } from '../damage.ts';
import { contents } from '../scratch.ts';

function shown(file: string): Buffer {
  const chain = openChain(file);
  try {
    return contents(chain);
  } finally {
    chain.close();
  }
}

function findingsOf(file: string) {
  const [{ findings }] = checkChain(file);
  return findings.listed;
}

const isRepairable = (damage: Damage): boolean => damage.repair !== undefined;
const repairable: readonly Damage[] = [...FLAWS, ...DAMAGES].filter(isRepairable);

describe('a repair', () => {
  for (const damage of repairable) {
    it(`puts right ${damage.what}`, () => {
      const file = victim(damage);
      const before = shown(file);
      const { dataWriteGuid } = openChain(file).layers[0];
      edit(file, damage);
      expect(findingsOf(file).map(({ repair }) => repair)).toContain(damage.repair);
      repairDisk(file, new Set([damage.repair!]));
      expect(findingsOf(file).filter(({ severity }) => severity !== 'note')).toEqual([]);
      expect(shown(file).equals(before)).toBe(true);
      // Children of the file stay valid.
      expect(openChain(file).layers[0].dataWriteGuid).toBe(dataWriteGuid);
    });
  }

  it('writes paths anew that do not lead to the parent any more', () => {
    const child = childFile();
    const bytes = fs.readFileSync(child);
    const relative = Buffer.from('.\\base.vhdx', 'utf16le');
    const at = bytes.indexOf(relative);
    // The name stays, so that the parent is found beside the child; the folder is gone.
    Buffer.from('X\\base.vhdx', 'utf16le').copy(bytes, at);
    fs.writeFileSync(child, bytes);
    const before = shown(child);
    expect(findingsOf(child).map(({ repair }) => repair)).toContain('parent-paths');
    repairDisk(child, new Set(['parent-paths']));
    expect(findingsOf(child)).toEqual([]);
    expect(shown(child).equals(before)).toBe(true);
  });

  it('is described for every fault that has one', () => {
    const page = fs.readFileSync(path.resolve(import.meta.dirname, '../../../docs/vhdx.md'), 'utf8');
    for (const { repair } of repairable) expect(page).toContain(`\`${repair}\``);
    expect(page).toContain('`parent-paths`');
  });

  it('does not touch a file that has nothing to repair', () => {
    const file = baseFile();
    const before = fs.readFileSync(file);
    repairDisk(file, new Set());
    expect(fs.readFileSync(file).equals(before)).toBe(true);
  });
});
