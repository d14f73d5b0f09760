#!/bin/sh
# Brings what bytewitness needs and this machine lacks: Bun, liburing's shared library, xfsprogs, node_modules.
#
#   sh scripts/setup.sh && bun run uring-append.ts
#   sh scripts/setup.sh && bun test
#
# `setup.sh tests` (also with CI or BYTEWITNESS_TESTS=1 in the environment) brings what the tests use as well;
# without it, tests that lack something skip with a line about it.
#
# Owns installing, and nothing else: it never calls sudo, never changes package sources, never removes anything
# (except in CI, where apt may put busybox-static in the place of busybox).
# Prints nothing when nothing is missing, and never to stdout, which belongs to the command after the &&.
# Ends 0 when `bun` works; a part that could not be installed gets one line: what to install, what works without it.
set -u

bun_wanted=1.4.5
# Only the tests set this: the directory used as / when libraries, headers and sbin are looked up.
sysroot=${BYTEWITNESS_SYSROOT-}

case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
root=$(CDPATH='' cd -- "$here/.." && pwd) || exit 255

# What, for whom, its package in apt, dnf, zypper, pacman and apk, and what works without it.
parts() {
  cat <<'TABLE'
liburing      always liburing2       liburing        liburing2        liburing        liburing        all but the doors that go through io_uring work without it
mkfs.xfs      always xfsprogs        xfsprogs        xfsprogs         xfsprogs        xfsprogs        without it uring-append.ts writes to a directory under TMPDIR, on the file system that it finds there
gcc           tests  gcc             gcc             gcc              gcc             gcc             tests that compile C skip
libc-headers  tests  libc6-dev       glibc-devel     glibc-devel      glibc           musl-dev        tests that compile C skip
uring-headers tests  liburing-dev    liburing-devel  liburing-devel   liburing        liburing-dev    the proof of io_uring's constants skips
qemu          tests  qemu-system-x86 qemu-system-x86 qemu-x86         qemu-base       qemu-system-x86_64 tests in a virtual machine skip
static-busybox tests  busybox-static  busybox         busybox-static   busybox         busybox-static  tests in a virtual machine skip
mkfs.ext4     tests  e2fsprogs       e2fsprogs       e2fsprogs        e2fsprogs       e2fsprogs       tests on ext4 skip
mkfs.btrfs    tests  btrfs-progs     btrfs-progs     btrfsprogs       btrfs-progs     btrfs-progs     tests on btrfs skip
mkfs.exfat    tests  exfatprogs      exfatprogs      exfatprogs       exfatprogs      exfatprogs      exfat-append.ts and tests on exFAT skip
mkfs.vfat     tests  dosfstools      dosfstools      dosfstools       dosfstools      dosfstools      tests on vfat skip
mkfs.udf      tests  udftools        udftools        udftools         udftools        udftools        udf-inline-expand.ts and tests on UDF skip
ip            tests  iproute2        iproute         iproute2         iproute2        iproute2        tests in a network namespace skip
socat         tests  socat           socat           socat            socat           socat           tests that relay through socat skip
nc            tests  netcat-openbsd  netcat          netcat-openbsd   openbsd-netcat  netcat-openbsd  tests that relay through nc skip
nft           tests  nftables        nftables        nftables         nftables        nftables        the test of edited packets skips
cpio          tests  cpio            cpio            cpio             cpio            cpio            the comparison with cpio(1) skips
modinfo       tests  kmod            kmod            kmod             kmod            kmod            the comparison with modinfo(8) skips
xz            tests  xz-utils        xz              xz               xz              xz              the comparison with xz(1) skips
fio           tests  fio             fio             fio              fio             fio             the test of fio's files skips
strace        tests  strace          strace          strace           strace          strace          tests that watch system calls skip
setpriv       tests  util-linux      util-linux      util-linux       util-linux      setpriv         tests that drop privileges skip
chromium      tests  chromium        chromium        chromium         chromium        chromium        the tests that look at report pages skip
TABLE
}

note() { printf 'setup: %s\n' "$*" >&2; }

# The last line of a command's output that is not empty.
# shellcheck disable=SC2016 # sed's own $
last_line() { printf '%s\n' "$1" | sed -n '/[^[:space:]]/h; ${x; p; }'; }

# What npm reports as wrong: its first lines, for its last ones only name a log.
npm_error() {
  errors=$(printf '%s\n' "$1" | sed -n 's/^npm \(ERR!\|error\) //p' | head -n 3 | tr '\n' ' ')
  [ -n "$errors" ] && printf '%s\n' "${errors% }" || last_line "$1"
}

any_exists() {
  for path in "$@"; do [ -e "$path" ] && return 0; done
  return 1
}

have_command() {
  command -v "$1" >/dev/null 2>&1 && [ -z "$sysroot" ] && return 0
  # A user's PATH on Debian lacks sbin, where mkfs.xfs and ip live.
  any_exists "$sysroot/usr/sbin/$1" "$sysroot/sbin/$1" "$sysroot/usr/bin/$1"
}

have() {
  case $1 in
    liburing)
      any_exists "$sysroot"/usr/lib/*/liburing.so.2 "$sysroot"/lib/*/liburing.so.2 "$sysroot"/usr/lib64/liburing.so.2 \
        "$sysroot"/usr/lib/liburing.so.2 "$sysroot"/usr/local/lib*/liburing.so.2 "$sysroot"/usr/local/lib/*/liburing.so.2
      ;;
    libc-headers) any_exists "$sysroot/usr/include/stdio.h" ;;
    uring-headers) any_exists "$sysroot/usr/include/liburing.h" ;;
    qemu) have_command qemu-system-x86_64 ;;
    static-busybox)
      # A static one names no interpreter near the start of the file.
      have_command busybox && ! head -c 4096 "$(command -v busybox)" 2>/dev/null | grep -q -a -e ld-linux -e ld-musl
      ;;
    *) have_command "$1" ;;
  esac
}

# Sets `missing` (one "part|package|what works without it" a line) and `packages` for the manager at hand.
look_for_parts() {
  missing='' packages=''
  while read -r part whom apt dnf zypper pacman apk without; do
    [ "$whom" = always ] || [ "$with_tests" = yes ] || continue
    have "$part" && continue
    case $manager in
      dnf) package=$dnf ;; zypper) package=$zypper ;; pacman) package=$pacman ;; apk) package=$apk ;; *) package=$apt ;;
    esac
    missing="$missing$part|$package|$without
"
    packages="$packages $package"
  done <<TABLE
$(parts)
TABLE
}

find_manager() {
  for pair in apt-get:apt dnf:dnf zypper:zypper pacman:pacman apk:apk; do
    command -v "${pair%:*}" >/dev/null 2>&1 && manager=${pair#*:} && return 0
  done
  manager=none
}

# The command a person would type.
install_command() {
  case $manager in
    apt) echo "apt-get install $1" ;;
    dnf) echo "dnf install $1" ;;
    zypper) echo "zypper install $1" ;;
    pacman) echo "pacman -Syu $1" ;;
    apk) echo "apk add $1" ;;
    *) echo "the package called $1 on Debian" ;;
  esac
}

# Installs packages without a question; leaves what the manager printed in `output`.
install_packages() {
  case $manager in
    apt)
      apt-cache show --no-all-versions "$@" >/dev/null 2>&1 || apt_update
      apt_install "$@" && return 0
      # Old lists name files that the mirror no longer has.
      [ -z "$updated" ] && apt_update && apt_install "$@"
      ;;
    dnf) output=$(dnf -y -q --setopt=install_weak_deps=False install "$@" </dev/null 2>&1) ;;
    zypper) output=$(zypper --non-interactive --quiet install --no-recommends "$@" </dev/null 2>&1) ;;
    pacman)
      # Never -Sy on a system that has its lists: new lists under old packages are a partial upgrade.
      sync=-S
      any_exists "$sysroot"/var/lib/pacman/sync/*.db || sync=-Sy
      output=$(pacman "$sync" --noconfirm --needed --quiet "$@" </dev/null 2>&1)
      ;;
    apk) output=$(apk add --quiet --no-cache "$@" </dev/null 2>&1) ;;
  esac
}

# At most once, for a machine without a network waits long enough each time.
apt_update() {
  [ -z "$updated" ] || return 1
  updated=yes
  output=$(apt-get -qq -o APT::Update::Error-Mode=any update </dev/null 2>&1)
}

apt_install() {
  output=$(
    # shellcheck disable=SC2086 # one option or none
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq -y $no_remove --no-install-recommends \
      -o DPkg::Lock::Timeout=120 install "$@" </dev/null 2>&1
  )
}

bring_parts() {
  updated=''
  find_manager
  look_for_parts
  [ -n "$missing" ] || return 0
  why=''
  if [ "$manager" = none ]; then
    why='no package manager that setup knows'
  elif [ "$(id -u)" != 0 ]; then
    why='not root'
  else
    note "installing$packages with $manager"
    # shellcheck disable=SC2086 # a list of package names
    if ! install_packages $packages; then
      why="$manager failed: $(last_line "$output")"
      # One unavailable package must not keep the others away; a network that is not there would.
      # shellcheck disable=SC2086
      set -- $packages
      case $output in *fetch* | *resolv*) set -- ;; esac
      [ $# -gt 1 ] && for package in "$@"; do install_packages "$package"; done
    fi
    look_for_parts
  fi
  while IFS='|' read -r part package without; do
    [ -n "$part" ] && note "$part is missing${why:+ ($why)}: install it with: $(install_command "$package"); $without"
  done <<MISSING
$missing
MISSING
}

# True when version $1 is at least $2; suffixes such as -canary.1 are ignored.
at_least() {
  old_ifs=$IFS
  IFS=.
  # shellcheck disable=SC2086 # split at the dots
  set -- ${1%%[-+]*} ${2%%[-+]*}
  IFS=$old_ifs
  [ $# -eq 6 ] || return 1
  [ "$1" -gt "$4" ] && return 0
  [ "$1" -lt "$4" ] && return 1
  [ "$2" -gt "$5" ] && return 0
  [ "$2" -lt "$5" ] && return 1
  [ "$3" -ge "$6" ]
} 2>/dev/null

bun_on_path() {
  bun_version=$(bun --version 2>/dev/null) && at_least "$bun_version" "$bun_wanted"
}

# npm's package puts the binary in place with a postinstall script; where scripts are switched off it is run here.
npm_install_bun() {
  installed=$("$1/bin/bun" --version 2>/dev/null) && at_least "$installed" "$bun_wanted" && return 0
  note "installing Bun $bun_wanted with npm${bun_version:+ (found $bun_version)}"
  # The program itself is an optional package of its own: when it cannot be fetched, npm is content without it.
  for attempt in 1 2; do
    output=$(npm install --loglevel=error --global --prefix "$1" "bun@$bun_wanted" </dev/null 2>&1) || continue
    [ "$("$1/bin/bun" --version 2>/dev/null)" = "$bun_wanted" ] && return 0
    output=$(cd "$1/lib/node_modules/bun" && node install.js 2>&1)
    [ "$("$1/bin/bun" --version 2>/dev/null)" = "$bun_wanted" ] && return 0
    output="its program for this machine was not fetched (attempt $attempt): $(last_line "$output")"
  done
  return 1
}

# Links $1 into the first directory of PATH that takes it, before any other bun: a child cannot change the PATH of the
# shell that runs the rest of the line. Never replaces a file.
link_into_path() {
  old_ifs=$IFS
  IFS=:
  for directory in $PATH; do
    case $directory in
      "$root"/* | */node_modules/.bin) continue ;;
      /*) ;;
      *) continue ;;
    esac
    [ -e "$directory/bun" ] && break
    # -f: a link that leads nowhere is what an earlier set-up leaves when its Bun is gone.
    [ -w "$directory" ] && ln -sf "$1" "$directory/bun" 2>/dev/null && IFS=$old_ifs && return 0
  done
  IFS=$old_ifs
  return 1
}

bring_bun() {
  bun_on_path && return 0
  if ! command -v npm >/dev/null 2>&1; then
    note "Bun $bun_wanted is missing${bun_version:+ (found $bun_version)}: install Node.js with npm and repeat, or see https://bun.com"
    return
  fi
  home=${HOME:-/nonexistent}
  [ -w "$home" ] || export npm_config_cache="$root/node_modules/.cache/npm"
  prefix=$(npm config get prefix 2>/dev/null)
  { [ -w "$prefix/lib/node_modules" ] || { [ ! -e "$prefix/lib/node_modules" ] && [ -w "$prefix/lib" ]; }; } &&
    [ -w "$prefix/bin" ] || prefix="$home/.local"
  [ -w "$home" ] || [ "$prefix" != "$home/.local" ] || prefix="$root/node_modules/.cache/bun"
  if ! npm_install_bun "$prefix"; then
    note "npm could not install Bun: $(npm_error "$output")"
    return
  fi
  bun_on_path || { link_into_path "$prefix/bin/bun" && bun_on_path; } && return 0
  note "Bun $bun_wanted is in $prefix/bin, which PATH does not name first; run this and repeat: export PATH=\"$prefix/bin:\$PATH\""
}

bring_modules() {
  stamp="$root/node_modules/.bytewitness-setup"
  [ -e "$stamp" ] && [ -z "$(find "$root/bun.lock" -newer "$stamp")" ] && return 0
  if [ ! -w "$root" ] && [ -d "$root/node_modules/consola" ]; then return 0; fi
  [ -w "${HOME:-/nonexistent}" ] || export BUN_INSTALL_CACHE_DIR="$root/node_modules/.cache/bun-install"
  # Like Debian's npm, Bun then trusts the certificates that the administrator added.
  if output=$(cd "$root" && NODE_USE_SYSTEM_CA=1 bun install --frozen-lockfile </dev/null 2>&1); then
    : >"$stamp"
  else
    note "bun install failed: $(last_line "$output")"
    [ -d "$root/node_modules/consola" ] || return 1
  fi
}

# Bun opens its files through /proc: without it even this would end as if corruption had been found.
[ -n "$sysroot" ] || [ -e /proc/self ] || { note 'Bun cannot start without /proc: mount -t proc proc /proc' && exit 255; }

with_tests=no no_remove=--no-remove
case ${CI-} in '' | false | 0) ;; *) with_tests=yes no_remove='' ;; esac
[ "${BYTEWITNESS_TESTS-}" = 1 ] && with_tests=yes
for argument in "$@"; do
  case $argument in
    tests) with_tests=yes ;;
    *) note "unknown argument \"$argument\": the only one is \"tests\"" && exit 254 ;;
  esac
done

bring_parts
bring_bun
bun --version >/dev/null 2>&1 || exit 1
bring_modules
