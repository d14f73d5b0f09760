#!/bin/busybox sh
# The first process of the guest: sets up what a reproducer finds on any machine, runs it, reports, and reboots
# (QEMU's -no-reboot makes that the end). /lab/config says what to do; the host writes it for each run.
#
# Four virtio ports lead to the host, in this order: status (lines "start UPTIME", "failed WHY", "exit CODE"), the
# script's stdout, its stderr, and a tar stream of what it left behind. Kernel messages alone use the console, so the
# host can tell a dead guest from a quiet script.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TMPDIR=/tmp
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
. /lab/config

# Debian's kernels have virtio and most file systems as modules; the host put them in loading order.
while read -r module; do
  insmod "$module" 2>/dev/null || echo "lab: cannot load $module" >/dev/console
done </modules/load
# The kernel asks modprobe for the rest (kTLS, btrfs, loop) when something uses them.
mkdir -p /lib/modules
ln -s /modules "/lib/modules/$(uname -r)"

if [ "$LAB_MODE" = run ]; then
  # Ports are named vportNpM, N being the number of the virtio device, which depends on the order of buses.
  tries=0
  until set -- /dev/vport*p4 && [ -c "$1" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 250 ]; then
      echo "lab: no virtio ports: this kernel lacks virtio_pci or virtio_console (built in, or in --modules)" >/dev/console
      reboot -f
    fi
    usleep 20000
  done
  ports=${1%4}
  exec 5>"${ports}1"
else
  exec 5>/dev/null
fi

failed() {
  echo "failed $1" >&5
  [ "$LAB_MODE" = run ] || echo "lab: $1" >/dev/console
  reboot -f
}

mkdir -p /dev/shm /dev/pts /sys/fs/cgroup /mnt/test /root
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

case $LAB_FS in
tmpfs) mount -t tmpfs test /mnt/test || failed "cannot mount tmpfs" ;;
*)
  said=$(mount -t "$LAB_FS" /dev/vda /mnt/test 2>&1) ||
    failed "cannot mount $LAB_FS on this kernel ($said): no such file system here, or mkfs on the host is newer than this kernel (see --mkfs-options)"
  ;;
esac
cd /mnt/test || failed "no /mnt/test"
export BYTEWITNESS_DIR=/mnt/test

if [ "$LAB_MODE" = shell ]; then
  echo "lab: $(uname -r), $LAB_FS on /mnt/test, scripts in /bytewitness/scripts (bun is there); exit ends the guest" >/dev/console
  setsid cttyhack sh -l </dev/console >/dev/console 2>&1
  reboot -f
fi

read -r uptime _ </proc/uptime
echo "start $uptime" >&5
/lab/command </dev/null >"${ports}2" 2>"${ports}3"
code=$?
read -r uptime _ </proc/uptime
echo "end $uptime" >&5
# Reproducers remove clean files, so what is left is evidence.
if [ $code -ne 0 ] && [ "$LAB_ARTIFACTS" = yes ] && [ -n "$(ls -A /mnt/test)" ]; then
  tar -cf "${ports}4" -C /mnt/test .
fi
echo "exit $code" >&5
reboot -f
