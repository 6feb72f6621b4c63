#!/bin/sh
# The first process of a machine. /job, which Machine.Start writes, sets ADDRESS, OUTBOX and EMPTY, and the arguments.
# The words "VM ..." on the console are for Machine.
export PATH=/payload/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
[ ! -f /modules/order ] || while read -r m; do insmod "/modules/$m" || echo "VM failed: insmod $m"; done </modules/order
until [ -b /dev/vda ]; do sleep 0.05; done
. /job
read -r up _ </proc/uptime
echo "VM up $up $(date +%s) $(uname -r)"
mount -t ext4 /dev/vda /disk || echo "VM failed: the disk cannot be mounted"
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
ip link set eth0 up
read -r up _ </proc/uptime
echo "VM start $up"
env -i /payload/bin/chroot /disk "$@"
code=$?
read -r up _ </proc/uptime
echo "VM exit $code $up"
# Power goes: nothing is synced.
poweroff -n -f
