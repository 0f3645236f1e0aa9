/** `hyperfile disk check`: what it prints, and its exit status. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { BAT, batEntry, childFile, edit, HEADERS, ITEMS } from '../../vhdx/damage.ts';
import { fakeConsole } from '../fake-console.ts';

let child: string;
let base: string;

beforeEach(() => {
  child = childFile();
  base = path.join(path.dirname(child), 'base.vhdx');
});

async function check(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = fakeConsole({ cwd: path.dirname(child) });
  const status = await run(['disk', 'check', ...argv], console);
  return { status, ...console.written };
}

const damage = () => edit(base, { change: (b) => batEntry(b, 3, 4) });
const warn = () =>
  edit(base, { change: (b) => void b.fill(9, HEADERS[0] + 8, HEADERS[0] + 9), checksums: false });

describe('disk check', () => {
  it('says of every file that it is sound', async () => {
    expect(await check('child.vhdx')).toEqual({
      status: 0,
      out: `${child}: sound\n${base}: sound\n`,
      err: '',
    });
  });

  it('lists warnings with what to do, and is content', async () => {
    warn();
    const { status, out, err } = await check('child.vhdx');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toBe(
      [
        `${child}: sound`,
        `${base}: 1 warning`,
        `  warning  header 1 of base.vhdx is damaged, only the other one is left (at byte 65536)`,
        `  VHDX_HEADER_DAMAGED: \`hyperfile disk check --repair ${base}\` puts it right.`,
        '',
      ].join('\n'),
    );
  });

  it('lists errors and ends with status 4', async () => {
    damage();
    warn();
    const { status, out, err } = await check('child.vhdx');
    expect(status).toBe(4);
    expect(out).toContain(`${base}: 1 error, 1 warning\n`);
    expect(out).toContain(
      `  error    block 3 of base.vhdx is in the reserved state 4 (at byte ${BAT + 24})\n`,
    );
    expect(err).toMatch(/^hyperfile: error: 1 error found in .*child\.vhdx and the disks below it$/m);
    expect(err).toContain('CLI_DISK_DAMAGED');
  });

  it('prints nothing but errors when it is told to be quiet', async () => {
    warn();
    expect(await check('-q', 'child.vhdx')).toEqual({ status: 0, out: '', err: '' });
    edit(base, { change: (b) => batEntry(b, 3, 4), checksums: false });
    const { status, out } = await check('--quiet', 'child.vhdx');
    expect(status).toBe(4);
    expect(out).toMatch(/^ {2}error/m);
    expect(out).not.toMatch(/warning {2}|HEADER_DAMAGED/);
  });

  it('gives all of it as JSON', async () => {
    damage();
    warn();
    const { status, out } = await check('--format', 'json', 'child.vhdx');
    expect(status).toBe(4);
    expect(JSON.parse(out)).toMatchObject({
      files: [
        { path: child, findings: [], unlisted: {} },
        {
          path: base,
          findings: [
            { severity: 'warning', code: 'VHDX_HEADER_DAMAGED', fileOffset: HEADERS[0], repair: 'headers' },
            {
              severity: 'error',
              code: 'VHDX_BLOCK_STATE',
              message: `block 3 of ${base} is in the reserved state 4`,
              fileOffset: BAT + 24,
              data: { block: 3, state: 4 },
            },
          ],
        },
      ],
      errors: 1,
      warnings: 1,
    });
  });

  it('says how many more there are of what it does not list', async () => {
    // So that the table has more entries than are listed: blocks of the disk that were never there.
    edit(base, {
      change: (b) => {
        b.writeBigUInt64LE(BigInt(2 ** 31), ITEMS + 8);
        for (let block = 3; block < 2003; block++) batEntry(b, block, 5);
      },
    });
    const { out } = await check('child.vhdx');
    expect(out).toContain(`${base}: 2000 errors\n`);
    expect(out).toContain('  and 1000 more of VHDX_BLOCK_STATE\n');
    expect(out.match(/reserved state 5/g)).toHaveLength(1000);
  });

  it('lets no name in a file steer the terminal', async () => {
    fs.renameSync(base, path.join(path.dirname(child), 'base\u001b[31m.vhdx'));
    const { status, out, err } = await check(path.join(path.dirname(child), 'base\u001b[31m.vhdx'));
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).not.toContain('\u001b');
  });

  it('fails for what cannot be opened', async () => {
    expect(await check('none.vhdx')).toMatchObject({ status: 4, out: '' });
    fs.writeFileSync(child, 'no disk');
    const { status, out } = await check('child.vhdx');
    expect(status).toBe(4);
    expect(out).toContain('  error    child.vhdx is not a VHDX file\n');
  });
});
