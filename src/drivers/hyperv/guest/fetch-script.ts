/**
 * Scripts that look for files on the disks of a running Linux guest, and pack them. They see the disks as they are, without
 * what a running system has mounted over them (/proc, /dev, /tmp in memory): in a mount namespace of their own.
 */
import { STATUS } from './files-script.ts';
import { shellWord } from './shell-script.ts';

/** Where to look. */
export interface Look {
  /** From the guest's root. */
  readonly path: string;
  /** How many levels below it everything is told of; absent: nothing is. */
  readonly levels?: number;
}

/** Every Linux has this directory, and what is mounted there is on no disk. */
const VIEW = '/sys';

/** Disks are mounted from devices; images in files (snaps) are those files. */
const SHOW_DISKS = `mount --bind / ${VIEW} || exit ${STATUS.noNamespace}
while read -r device place rest; do
  case $place in / | ${VIEW} | ${VIEW}/* | *'\\'*) continue ;; esac
  case $device in
  /dev/loop*) ;;
  /dev/*) mount --bind "$place" "${VIEW}$place" 2>/dev/null ;;
  esac
done </proc/self/mounts
cd ${VIEW} || exit`;

/**
 * `look PATH` tells what lies there, links not followed: `d`, `l` or `f`, the path, NUL; after links their target, NUL.
 * `list PATH LEVELS` does that with all below a directory. `trace PATH` with all that a path leads over, as a kernel
 * follows it, and leaves in `at` where that is; what lies beside a name that is missing may be what was meant.
 */
const LOOKING = `look() {
  if [ -L ".$1" ]; then
    target=$(readlink -n -- ".$1" && echo x)
    target=\${target%x}
    printf 'l%s\\0%s\\0' "$1" "$target"
  elif [ -d ".$1" ]; then printf 'd%s\\0' "$1"
  elif [ -e ".$1" ]; then printf 'f%s\\0' "$1"
  else return 1
  fi
}
list() {
  for child in ".$1"/* ".$1"/.[!.]* ".$1"/..?*; do
    child=$1/\${child##*/}
    look "$child" || continue
    if [ "$2" -gt 1 ] && [ -d ".$child" ] && [ ! -L ".$child" ]; then list "$child" $(($2 - 1)); fi
  done
}
trace() {
  at= rest=$1 links=0 beside=1
  while [ -n "$rest" ]; do
    name=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    case $name in
    '' | .) continue ;;
    ..)
      at=\${at%/*}
      continue
      ;;
    esac
    at=$at/$name
    if ! look "$at"; then
      [ -z "$beside" ] || list "\${at%/*}" 1
      beside=
    elif [ -L ".$at" ]; then
      links=$((links + 1))
      [ "$links" -le 40 ] || return
      case $target in /*) at= ;; *) at=\${at%/*} ;; esac
      rest=$target/$rest
    elif [ ! -d ".$at" ]; then return
    fi
  done
}`;

/**
 * GNU's tar ends with status 1 when a file has changed meanwhile, which a running system does to some, and also when one
 * could not be read to its end: then it has filled it up with zeros. Its own words, in no other language, tell which.
 */
const PACK = `command -v tar >/dev/null || { echo 'it has no tar' >&2; exit 1; }
case "$(tar --version 2>/dev/null)" in
*GNU*)
  { said=$(LC_ALL=C tar -c --format=pax --numeric-owner --sparse --xattrs --no-unquote --null -T - -f - 2>&1 >&3); } 3>&1
  status=$?
  printf '%s\\n' "$said" >&2
  wrong=$(printf '%s\\n' "$said" | grep -v -e 'changed as we read it$' -e 'removed before we read it$' -e 'socket ignored$')
  [ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && [ -z "$wrong" ]; }
  ;;
*) tr '\\0' '\\n' | tar -c -T - -f - ;;
esac || exit ${STATUS.unreadable}`;

/** A script, and what it reads. */
export interface ScriptWithInput {
  readonly script: string;
  readonly input: string;
}

/** Tells what lies where it is to look, and on the way there. */
export function explore(looks: readonly Look[]): ScriptWithInput {
  const calls = looks.map(({ path, levels }) => {
    const trace = `trace ${shellWord(path)}`;
    return levels === undefined
      ? trace
      : `${trace}\n[ -d ".$at" ] && [ ! -L ".$at" ] && list "$at" ${levels}`;
  });
  // There is no end to what a shell reads, but there is one to an argument.
  return { script: inNamespace(), input: [SHOW_DISKS, LOOKING, ...calls, 'exit 0', ''].join('\n') };
}

/** Packs some paths with all that they hold. */
export function pack(paths: readonly string[]): ScriptWithInput {
  return {
    script: inNamespace(`-c ${shellWord(`${SHOW_DISKS}\n${PACK}`)}`),
    input: paths.map((path) => `.${path}\0`).join(''),
  };
}

function inNamespace(shellArguments = ''): string {
  return `PATH=$PATH:/usr/sbin:/sbin
message=$(unshare -m true 2>&1) || { printf '%s\\n' "$message" >&2; exit ${STATUS.noNamespace}; }
exec unshare -m -- /bin/sh ${shellArguments}`;
}
