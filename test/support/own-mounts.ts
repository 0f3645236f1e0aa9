/**
 * Programs that tests start with mounts of their own. A new mount namespace begins with a copy of every mount, and what
 * is copied stays in use: the disks of tests that run at the same time could not be detached as long as it lives.
 */
import { tmpdir } from 'node:os';

/**
 * Lets go of the copies of what other tests have mounted, which is below $1; what has to do with a folder $2 stays. All at
 * once, because others wait; names of mounts have their blanks in octal.
 */
const WITHOUT_OTHERS = String.raw`
tests=$1 own=$2; shift 2
(
  set --
  while read -r _ _ _ _ target _; do
    target=$(printf %b "$target")
    case $target/ in "$own"/*) continue ;; "$tests"/*) ;; *) continue ;; esac
    case $own/ in "$target"/*) ;; *) set -- "$@" "$target" ;; esac
  done </proc/self/mountinfo
  [ $# = 0 ] || umount --lazy "$@" 2>/dev/null
) || :
`;

/**
 * @param folder whose mounts the program is to see: those in it, and those that it is in
 * @param script for `sh`: what changes the mounts and then executes the program
 * @returns the command; words after it are the script's arguments
 */
export function withOwnMounts(folder: string, script = 'exec "$@"'): string[] {
  return ['unshare', '--mount', '--', 'sh', '-c', WITHOUT_OTHERS + script, 'sh', tmpdir(), folder];
}
