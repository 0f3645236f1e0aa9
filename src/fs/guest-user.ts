/** Who a command runs as: USER in the guest's own terms, by Docker's rules. */
import { HyperfileError } from '../base/error.ts';
import type { GuestFiles } from './guest-files.ts';

export interface GuestUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly home: string;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * Looks a `user[:group]` up in the guest's /etc/passwd and /etc/group; empty is root. A name brings its supplementary
 * groups, unless the group is given; a number need not be known to the guest.
 *
 * @throws HyperfileError FS_USER_UNKNOWN, FS_GROUP_UNKNOWN
 */
export async function resolveUser(spec: string, files: GuestFiles): Promise<GuestUser> {
  const [user = '', group = ''] = spec.split(':');
  const account = findAccount(user || '0', await readText(files, '/etc/passwd'));
  if (!account && !isId(user || '0')) {
    throw new HyperfileError('FS_USER_UNKNOWN', { data: { user, tree: 'the guest' } });
  }
  const uid = account?.uid ?? Number(user || '0');
  const home = account?.home || '/';
  if (group !== '') return { uid, gid: await findGroup(group, files), groups: [], home };
  const groups = account ? groupsOf(account.name, await readText(files, '/etc/group')) : [];
  return { uid, gid: account?.gid ?? 0, groups, home };
}

/** passwd(5): name:password:uid:gid:comment:home:shell. A name wins over a number. */
function findAccount(user: string, passwd: string): Account | undefined {
  const accounts = passwd.split('\n').flatMap((line): Account[] => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    return isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home }] : [];
  });
  return (
    accounts.find(({ name }) => name === user) ??
    (isId(user) ? accounts.find(({ uid }) => uid === Number(user)) : undefined)
  );
}

/** group(5): name:password:gid:members. */
async function findGroup(group: string, files: GuestFiles): Promise<number> {
  const line = (await readText(files, '/etc/group')).split('\n').find((text) => text.startsWith(group + ':'));
  const gid = line?.split(':')[2] ?? group;
  if (!isId(gid)) throw new HyperfileError('FS_GROUP_UNKNOWN', { data: { group, tree: 'the guest' } });
  return Number(gid);
}

function groupsOf(user: string, groupFile: string): number[] {
  return groupFile.split('\n').flatMap((line) => {
    const [, , gid = '', members = ''] = line.split(':');
    return isId(gid) && members.split(',').includes(user) ? [Number(gid)] : [];
  });
}

async function readText(files: GuestFiles, path: string): Promise<string> {
  return (await files.readFile(path))?.toString('utf8') ?? '';
}

/** 4294967295 means "leave alone" to the system. */
function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff;
}
