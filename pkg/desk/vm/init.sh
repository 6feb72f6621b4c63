#!/bin/sh
# The first process of a machine. /job, which Machine.Start writes, sets ADDRESS, OUTBOX and EMPTY, and the arguments.
# The words "VM ..." on the console are for Machine.
export PATH=/payload/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
[ ! -f /modules/order ] || while read -r m; do insmod "/modules/$m"; done </modules/order
. /job
# fail WHY: a word, and off.
fail() {
	echo "VM failed: $1"
	poweroff -n -f
}
tries=0
until [ -b /dev/vda ]; do
	[ $tries -lt 100 ] || fail "no disk: the kernel has no driver for virtio, built in or among its modules (VM_MODULES)"
	tries=$((tries + 1))
	sleep 0.1
done
read -r up _ </proc/uptime
echo "VM up $up $(date +%s) $(uname -r)"
mount -t ext4 /dev/vda /disk || fail "the disk cannot be mounted"
cd /disk && mkdir -p bin lib dev proc sys outbox persist
if [ "$OUTBOX" != /outbox ]; then # on a mount of its own
	mkdir -p ".$OUTBOX"
	mount -o bind ".$OUTBOX" outbox
fi
[ -z "$EMPTY" ] || rm -rf outbox/* outbox/.[!.]*
for d in bin lib; do
	mount -o bind /payload/$d $d
	mount -o bind,remount,ro $d
done
mount -t proc proc proc
mount -t devtmpfs dev dev
ip link set lo up
ip addr add "$ADDRESS/24" dev eth0
ip link set eth0 up || fail "no ethernet: the kernel has no driver for virtio_net (VM_MODULES)"
read -r up _ </proc/uptime
echo "VM start $up"
env -i /payload/bin/chroot /disk "$@"
code=$?
read -r up _ </proc/uptime
echo "VM exit $code $up"
# Power goes: nothing is synced.
poweroff -n -f
