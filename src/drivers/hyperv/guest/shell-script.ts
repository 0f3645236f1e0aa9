/**
 * Scripts for the shell of a Linux guest: POSIX, so that dash and busybox run them too. Values get into them as quoted
 * words and in no other way.
 */

/** A text as one word of the shell, whatever is in it but zero bytes, which no argument of a program can hold. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface ShellCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  /** It has no network but a loopback of its own. */
  readonly isOffline: boolean;
  /** Absent: root. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
}

/** What a command begins as: a session of its own, which says under which number it runs before anything else does. */
const ANNOUNCE = `printf '%s pid %s\\n' "$0" "$$" >&2; printf '%s pid %s\\n' "$0" "$$"; exec "$@"`;

/** With its loopback up, where one of the two programs for that is there. */
const OFFLINE = [
  ...['unshare', '-n', '--', 'sh', '-c'],
  'PATH=$PATH:/usr/sbin:/sbin; { ip link set lo up || ifconfig lo up; } </dev/null >/dev/null 2>&1; exec "$@"',
  'sh',
];

/**
 * A script that runs a command in a session of its own, from the script's standard input. It says `MARK pid N` on both
 * streams before the command begins, and at its end `MARK status N` on standard error and `MARK end` on standard output:
 * what a command has left behind may hold the streams open for longer. A guest that cannot take its network away says
 * `MARK lacks WHY` instead of running it.
 */
export function commandScript(command: ShellCommand, mark: string): string {
  const { argv, env, workdir, isOffline, user } = command;
  const program = [
    ...['setsid', 'sh', '-c', ANNOUNCE, mark],
    ...(isOffline ? OFFLINE : []),
    ...(user === undefined ? [] : userSwitch(user)),
    ...['env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
    // A program with `=` in its name would be one more variable for env.
    ...(argv[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh'] : []),
    ...argv,
  ];
  const finish = (status: string): string =>
    `printf '%s status %s\\n' ${mark} ${status} >&2; printf '%s end\\n' ${mark}`;
  return `
exec 3<&0 </dev/null${isOffline ? refuseOnline(mark, finish('1')) : ''}
mkdir -p -- ${shellWord(workdir)} && cd -- ${shellWord(workdir)} || { ${finish('1')}; exit; }
${program.map(shellWord).join(' ')} <&3 3<&- &
exec 3<&-
wait "$!"
${finish('"$?"')}
`;
}

/** Asked before: afterwards nobody could tell its words and status from the command's. */
function refuseOnline(mark: string, finish: string): string {
  return `
why=$(unshare -n true 2>&1) || { printf '%s lacks %s\\n' ${mark} "$(printf %s "$why" | tr '\\n' ' ')" >&2; ${finish}; exit; }`;
}

/** Of util-linux, which every full system has: by numbers, so that the guest need not know the user. */
function userSwitch({ uid, gid, groups }: NonNullable<ShellCommand['user']>): string[] {
  const more = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, more, '--'];
}

/**
 * What a guest's login shell, whichever it is, has to run so that a script of so many bytes is read from standard input;
 * the script itself may go on reading there. One that is cut off is not run at all.
 */
export function scriptReader(scriptBytes: number, asRoot: boolean): string {
  const become = asRoot ? '' : 'sudo -n -- ';
  return `exec ${become}/bin/sh -c 'eval "$(dd bs=1 count=$0 2>/dev/null)"' ${scriptBytes}`;
}

/** A script as {@link scriptReader} wants it. */
export function wholeScript(script: string): Buffer {
  return Buffer.from(`{ ${script.trim()}\n}`);
}
