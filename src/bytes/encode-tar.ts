/** Writes headers of tar archives: ustar, with pax records for what does not fit (POSIX.1-2017, pax). See tar-header.ts. */
import { BLOCK_BYTES, type TarKind } from './tar-header.ts';

export interface TarMember {
  readonly kind: Exclude<TarKind, 'pax' | 'pax-global' | 'long-name' | 'long-link' | 'sparse' | 'unknown'>;
  /** Relative, with `/`. */
  readonly name: string;
  readonly linkName?: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly major?: number;
  readonly minor?: number;
  /** Values are bytes. */
  readonly xattrs?: readonly { readonly name: string; readonly hex: string }[];
}

const FLAGS: Readonly<Record<TarMember['kind'], string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  pipe: '6',
};
const NAME_BYTES = 100;

/** The header of a member, with the pax records before it that it needs. */
export function encodeTarHeader(member: TarMember): Buffer {
  const { name, linkName = '', sizeBytes, uid, gid, modifiedSeconds, xattrs = [] } = member;
  const records: Buffer[] = [];
  if (!fits(name)) records.push(paxRecord('path', Buffer.from(name)));
  if (!fits(linkName)) records.push(paxRecord('linkpath', Buffer.from(linkName)));
  const numbers: [string, number, number][] = [
    ['size', sizeBytes, 11],
    ['uid', uid, 7],
    ['gid', gid, 7],
  ];
  for (const [key, value, digits] of numbers)
    if (value >= 8 ** digits) records.push(paxRecord(key, Buffer.from(String(value))));
  if (!Number.isInteger(modifiedSeconds) || modifiedSeconds < 0 || modifiedSeconds >= 8 ** 11)
    records.push(paxRecord('mtime', Buffer.from(modifiedSeconds.toFixed(9))));
  for (const { name: key, hex } of xattrs)
    records.push(paxRecord(`SCHILY.xattr.${key}`, Buffer.from(hex, 'hex')));
  const own = header(member, FLAGS[member.kind]);
  if (records.length === 0) return own;
  const pax = Buffer.concat(records);
  const about = { kind: 'file', name: 'pax', mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 0 } as const;
  return Buffer.concat([header({ ...about, sizeBytes: pax.length }, 'x'), pax, tarPadding(pax.length), own]);
}

/** What fills the last block of a member's data up. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** What an archive ends with. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

function header(member: TarMember, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { name, linkName = '', mode, uid, gid, sizeBytes, modifiedSeconds, major = 0, minor = 0 } = member;
  // What does not fit is told before; readers that know no pax see the beginning.
  block.write(name.slice(0, NAME_BYTES), 0, NAME_BYTES);
  block.write(linkName.slice(0, NAME_BYTES), 157, NAME_BYTES);
  octal(block, 100, 8, mode);
  octal(block, 108, 8, uid);
  octal(block, 116, 8, gid);
  octal(block, 124, 12, sizeBytes);
  octal(block, 136, 12, Math.max(0, Math.floor(modifiedSeconds)));
  block.write(flag, 156);
  block.write('ustar\x0000', 257);
  octal(block, 329, 8, major);
  octal(block, 337, 8, minor);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Octal digits and a zero byte; nothing but zeros for what a pax record says. */
function octal(block: Buffer, offset: number, length: number, value: number): void {
  const digits = value < 8 ** (length - 1) ? value.toString(8) : '';
  block.write(digits.padStart(length - 1, '0') + '\0', offset);
}

function fits(name: string): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES;
}

/** `LENGTH KEY=VALUE LF`; the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
