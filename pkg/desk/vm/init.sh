#!/bin/sh
# The first process of a machine. /job, which Machine.Start writes, sets ADDRESS, OUTBOX and EMPTY. The command comes by
# the console, from Running.Run. The words "VM ..." on it are for the desk.
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
# A window begins when its payload has booted, so the command, which tells its end, comes now: base64, then a dot.
stty -echo
echo "VM ready"
while read -r line && [ "$line" != . ]; do echo "$line"; done | base64 -d >/command
. /command
read -r up _ </proc/uptime
echo "VM start $up"
env -i /payload/bin/chroot /disk "$@"
code=$?
read -r up _ </proc/uptime
echo "VM exit $code $up"
# Power goes: nothing is synced.
poweroff -n -f
