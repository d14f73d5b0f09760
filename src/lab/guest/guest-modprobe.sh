#!/bin/busybox sh
# modprobe of the guest: by name or alias, from the disk that holds all modules of the kernel (no file system on it).
# The kernel calls it as "modprobe -q -- NAME" when a mount, a socket or a crypto request asks for something.
# /modules/index: NAME BLOCK BYTES NEEDED,…   /modules/alias: ALIAS NAME   /modules/disk: the disk's device
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
quiet=no
remove=no
while [ $# -gt 0 ]; do
  case $1 in
  --) shift; break ;;
  -r | --remove) remove=yes ;;
  -*q* | --quiet) quiet=yes ;;
  -*) ;;
  *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || exit 1
asked=$1
shift
name=$(echo "$asked" | tr - _)
if [ $remove = yes ]; then exec rmmod "$name"; fi

# Several modules may have one alias (crypto has); all of them are tried, as modprobe(8) does.
names=$(awk -v name="$name" '$1 == name { print $1 }' /modules/index)
[ -n "$names" ] || names=$(awk -v alias="$asked" '$1 == alias { print $2 }' /modules/alias)
if [ -z "$names" ]; then
  names=$(grep -F '*' /modules/alias | while read -r pattern module; do
    # shellcheck disable=SC2254
    case $asked in $pattern) echo "$module" ;; esac
  done)
fi
if [ -z "$names" ]; then
  [ $quiet = yes ] || echo "modprobe: this kernel's package has no module $asked" >&2
  exit 1
fi

state() { awk -v name="$1" '$1 == name { print $5 }' /proc/modules; }

load() {
  local module where file output code tries
  module=$1
  shift
  [ "$(state "$module")" = Live ] && return 0
  where=$(awk -v name="$module" '$1 == name { print $2, $3 }' /modules/index)
  file=/run/modules/$module.$$
  dd if="$(cat /modules/disk)" bs=4096 skip="${where% *}" count=$(((${where#* } + 4095) / 4096)) 2>/dev/null | head -c "${where#* }" >"$file"
  output=$(insmod "$file" "$@" 2>&1)
  code=$?
  rm -f "$file"
  # Another modprobe may be at it: then it is ours to wait.
  tries=0
  while [ $code -ne 0 ] && [ -n "$(state "$module")" ]; do
    if [ "$(state "$module")" = Live ]; then return 0; fi
    tries=$((tries + 1))
    [ $tries -lt 200 ] || break
    usleep 10000
  done
  [ $code -eq 0 ] || [ $quiet = yes ] || echo "modprobe: $module: $output" >&2
  return $code
}

result=1
for module in $names; do
  needed=$(awk -v name="$module" '$1 == name && $4 != "-" { gsub(",", " ", $4); print $4 }' /modules/index)
  for other in $needed; do load "$other"; done
  load "$module" "$@" && result=0
done
exit $result
