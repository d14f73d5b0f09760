#!/bin/busybox sh
# The first process of the guest: sets up what a reproducer finds on any machine, runs it, reports, and reboots
# (QEMU's -no-reboot makes that the end). /lab/config states what to do; the host writes it for each run.
#
# Four virtio ports lead to the host, in this order: status (lines "start UPTIME INIT-UPTIME", "failed WHY", "exit CODE"), the
# script's stdout, its stderr, and a tar stream of what it left behind. Kernel messages alone use the console, so the
# host can distinguish a dead guest from a quiet script.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TMPDIR=/tmp
mount -t devtmpfs dev /dev
mount -t proc proc /proc
read -r begun _ </proc/uptime
mount -t sysfs sys /sys
mkdir -p /run
mount -t tmpfs run /run
mkdir -p /run/modules
. /lab/config

# Debian's kernels have virtio and most file systems as modules; the host put these in loading order.
while read -r module; do
  insmod "$module" 2>/dev/null || echo "lab: cannot load $module" >/dev/console
done </modules/load

# No command is started where the shell can do it: each costs an emulated processor a hundredth of a second or more.
# The device of the disk with this serial number, in $device. Disks may be found after their driver was loaded.
disk() {
  waited=0
  while [ $waited -lt 250 ]; do
    for device in /sys/block/vd*; do
      serial=
      read -r serial 2>/dev/null <"$device/serial"
      [ "$serial" = "$1" ] && device=/dev/${device##*/} && [ -b "$device" ] && return 0
    done
    waited=$((waited + 1))
    usleep 20000
  done
  device=
  echo "lab: no disk $1 within 5 s" >/dev/console
  return 1
}
# The kernel asks modprobe for everything else when something uses it; that reads this disk.
disk modules && echo "$device" >/modules/disk && ln -s /lab/modprobe /sbin/modprobe
# Devices whose first use loads their module.
cp -a /modules/dev/. /dev/ 2>/dev/null

# A kernel without virtio_console has a second serial line instead; on it each line names what it carries.
ports=
read -r cmdline </proc/cmdline
case $cmdline in *lab.serial*) serial=yes ;; *) serial=no ;; esac
if [ "$LAB_MODE" = run ] && [ -d /sys/bus/virtio/drivers/virtio_console ] && [ $serial = no ]; then
  # Ports are named vportNpM, N being the number of the virtio device, which depends on the order of buses.
  tries=0
  until set -- /dev/vport*p4 && [ -c "$1" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 250 ]; then
      echo "lab: no virtio ports within 5 s" >/dev/console
      reboot -f
    fi
    usleep 20000
  done
  ports=${1%4}
  exec 5<>"${ports}1"
elif [ "$LAB_MODE" = run ]; then
  if ! stty -F /dev/ttyS1 raw -echo 2>/dev/null; then
    echo "lab: neither virtio_console nor a second serial line: this kernel needs one of them" >/dev/console
    reboot -f
  fi
  exec 5>/dev/ttyS1
else
  exec 5>/dev/null
fi

# status LINE
status() { if [ -n "$ports" ]; then echo "$1" >&5; else echo "status $1" >&5; fi; }
# carry NAME: stdin as lines of that name, for the serial line
carry() { base64 -w 3000 | sed "s/^/$1 /" >&5; }

failed() {
  status "failed $1"
  [ "$LAB_MODE" = run ] || echo "lab: $1" >/dev/console
  reboot -f
}

mkdir -p /dev/shm /dev/pts /sys/fs/cgroup /mnt/test /mnt/disk /root
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t tracefs tracing /sys/kernel/tracing 2>/dev/null
# cgroup2 alone: a v1 memory limit kills the writer instead of refusing its pages.
if mount -t cgroup2 cgroup /sys/fs/cgroup; then
  for controller in memory io pids cpu; do
    echo "+$controller" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control
  done
fi
hostname lab
ifconfig lo up 2>/dev/null
if [ "$LAB_SWAP" = yes ]; then
  disk swap
  output=$(mkswap "$device" 2>&1 && swapon "$device" 2>&1) || failed "no swap ($output)"
fi
[ "$LAB_HUGE_PAGES" = 0 ] || echo "$LAB_HUGE_PAGES" >/proc/sys/vm/nr_hugepages || failed "no huge pages on this kernel"
[ "$LAB_KSM" = no ] || echo 1 >/sys/kernel/mm/ksm/run || failed "no KSM on this kernel"

# mounted TYPE DEVICE PLACE OPTIONS
mounted() {
  output=$(mount -t "$1" ${4:+-o "$4"} "$2" "$3" 2>&1) ||
    failed "cannot mount $1${4:+ with \"$4\"} on this kernel ($output): no such file system or option here, or the host's mkfs is newer than this kernel (see --mkfs-options)"
}
[ "$LAB_FS" = tmpfs ] || disk test
case $LAB_FS in
tmpfs) mounted tmpfs test /mnt/test "$LAB_MOUNT_OPTIONS" ;;
overlay)
  mounted xfs "$device" /mnt/disk ""
  mkdir -p /mnt/disk/upper /mnt/disk/work /mnt/disk/lower
  places=lowerdir=/mnt/disk/lower,upperdir=/mnt/disk/upper,workdir=/mnt/disk/work
  mounted overlay test /mnt/test "$places${LAB_MOUNT_OPTIONS:+,$LAB_MOUNT_OPTIONS}"
  ;;
*) mounted "$LAB_FS" "$device" /mnt/test "$LAB_MOUNT_OPTIONS" ;;
esac
cd /mnt/test || failed "no /mnt/test"
export BYTEWITNESS_DIR=/mnt/test BYTEWITNESS_GUEST="$LAB_ACCELERATION" BYTEWITNESS_VERDICT=/run/verdict
[ -z "$LAB_INVOKED" ] || export BYTEWITNESS_INVOKED="$LAB_INVOKED"
extra=0
while [ $extra -lt "$LAB_EXTRA" ] && disk extra$extra; do
  BYTEWITNESS_DISKS="$BYTEWITNESS_DISKS${BYTEWITNESS_DISKS:+ }$device"
  extra=$((extra + 1))
done
export BYTEWITNESS_DISKS
# What ends in seconds is not worth a cache of translated files on a memory disk, nor, emulated, machine code for all but
# the hottest loops: each piece that JavaScriptCore writes makes QEMU forget and translate the page around it again.
export BUN_RUNTIME_TRANSPILER_CACHE_PATH=0
if [ "$LAB_ACCELERATION" = tcg ]; then
  export BUN_JSC_thresholdForJITAfterWarmUp=20000 BUN_JSC_thresholdForJITSoon=20000
  export BUN_JSC_thresholdForOptimizeAfterWarmUp=100000
fi

if [ "$LAB_MODE" = shell ]; then
  echo "lab: $(uname -r), $LAB_FS on /mnt/test, scripts in /bytewitness/scripts (bun is there); exit ends the guest" >/dev/console
  setsid cttyhack sh -l </dev/console >/dev/console 2>&1
  reboot -f
fi

read -r uptime _ </proc/uptime
status "start $uptime $begun"
if [ -n "$ports" ]; then
  /lab/command </dev/null >"${ports}2" 2>"${ports}3"
else
  /lab/command </dev/null >/run/stdout 2>/run/stderr
fi
code=$?
read -r uptime _ </proc/uptime
status "end $uptime"
if [ -s /run/verdict ]; then
  verdict=
  read -r verdict </run/verdict
  status "verdict $verdict"
fi
if [ -z "$ports" ]; then
  carry stdout </run/stdout
  carry stderr </run/stderr
fi
# Reproducers remove clean files, so what is left is evidence; what had to leave its file system, or has none but memory, is
# in /tmp and /dev/shm. busybox's tar knows one directory for each archive, so there are up to three, one behind the other.
evidence() {
  tar -cf - -C /mnt/test .
  for place in /tmp /dev/shm; do
    cd $place && set -- bytewitness-* && [ -e "$1" ] && tar -cf - "$@"
  done
}
anything() {
  for path in "$@"; do [ -e "$path" ] && return 0; done
  return 1
}
if [ "$LAB_ARTIFACTS" = yes ] && { [ $code -ne 0 ] || [ "$LAB_DOCUMENTS" = yes ]; } &&
  anything /mnt/test/* /mnt/test/.[!.]* /tmp/bytewitness-* /dev/shm/bytewitness-*; then
  if [ -n "$ports" ]; then
    # A write to a port returns before QEMU took it: up to 128 buffers of 32 KiB wait in its ring, and a slow host loses
    # them at the end. Zeros behind the archives, more than the ring holds, push the last of it out.
    { evidence; dd if=/dev/zero bs=32k count=160 2>/dev/null; } >"${ports}4"
  else
    evidence | carry files
  fi
fi
held=
# What the ports still hold would go with this guest: the host answers when it has every stream's end.
if [ -n "$ports" ]; then
  # A program that the script left behind may hold one of them still.
  for port in 2 3 4; do printf '\0lab: end of stream\0\n' >"$ports$port" || held=yes; done 2>/dev/null
  [ -n "$held" ] || read -r -t 60 _ <&5
fi
status "exit $code"
reboot -f
