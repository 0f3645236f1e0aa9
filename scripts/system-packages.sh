#!/bin/sh
# Installs the system packages that Hyperfile's demo (--run) or its tests (--test) need, where that is possible:
# on Debian and Ubuntu as root. Elsewhere it names what is missing. Says what it does; quick when all is there.
set -u

# What must be there (a program, a file, a Python module) and the package that brings it.
RUN='mke2fs=e2fsprogs losetup=mount fstrim=util-linux setpriv=util-linux perl=perl-base mmdebstrap=mmdebstrap
  qemu-img=qemu-utils xz=xz-utils bzip2=bzip2 getfattr=attr
  /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring'
TEST="$RUN"' 7zz=7zip vhdiinfo=libvhdi-utils python:pyvhdi=python3-libvhdi busybox=busybox-static fsfreeze=util-linux unshare=util-linux zstd=zstd setfattr=attr setfacl=acl sgdisk=gdisk
  sfdisk=fdisk mmls=sleuthkit lowntfs-3g=ntfs-3g mkntfs=ntfs-3g
  mkfs.vfat=dosfstools mcopy=mtools xorriso=xorriso wimlib-imagex=wimtools
  debootstrap=debootstrap crun=crun script=bsdutils
  docker-registry=docker-registry skopeo=skopeo umoci=umoci openssl=openssl
  ssh=openssh-client /usr/sbin/sshd=openssh-server sudo=sudo'

PATH=$PATH:/usr/sbin:/sbin

case ${1-} in
  --run) wanted=$RUN purpose='the demo' ;;
  --test) wanted=$TEST purpose='the tests' ;;
  *) echo "usage: $0 --run | --test" >&2; exit 2 ;;
esac

# Sets `missing` to the packages that bring what is not there.
look() {
  missing=
  for pair in $wanted; do
    thing=${pair%%=*} package=${pair#*=}
    case $thing in
      /*) [ -e "$thing" ] && continue ;;
      python:*) /usr/bin/python3 -c "import ${thing#python:}" >/dev/null 2>&1 && continue ;;
      *) command -v "$thing" >/dev/null 2>&1 && continue ;;
    esac
    case " $missing " in *" $package "*) ;; *) missing="${missing:+$missing }$package" ;; esac
  done
}

# What cannot be had: the demo stops with a clear word, the tests skip what they miss by name.
give_up() {
  echo "hyperfile: missing for $purpose: $missing" >&2
  echo "hyperfile: $1" >&2
  [ "$purpose" = 'the tests' ] && { echo 'hyperfile: tests that need them are skipped by name' >&2; exit 0; }
  exit 5
}

apt_install() {
  # shellcheck disable=SC2086 # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install $1 \
    >"$log" 2>&1 </dev/null
}

look
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null 2>&1 || give_up 'install them with the package manager of this system'
  [ "$(id -u)" = 0 ] || give_up "as root: apt-get install $missing"
  echo "hyperfile: installing for $purpose: $missing"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # Package lists may be absent or old: fetch them only when the first try fails.
  if ! apt_install "$missing"; then
    apt-get -qq update >/dev/null 2>&1
    # One by one, so that a package this release does not have costs only itself.
    apt_install "$missing" || for package in $missing; do
      apt_install "$package" || { echo "hyperfile: cannot install $package:" >&2; tail -n 2 "$log" >&2; }
    done
  fi
  # The tests start registries of their own; the package's service is not wanted.
  case " $missing " in *' docker-registry '*)
    systemctl disable --now docker-registry >/dev/null 2>&1 ;;
  esac
  look
  [ -z "$missing" ] || give_up 'they could not be installed'
fi

# A module of the kernel, not a package.
if [ ! -e /dev/fuse ]; then
  [ "$(id -u)" = 0 ] && modprobe fuse >/dev/null 2>&1
  [ -e /dev/fuse ] || { missing='/dev/fuse'; give_up 'this kernel (or container) offers no FUSE device'; }
fi
exit 0
