PATH=/bin:/usr/bin:/sbin:/usr/sbin o=/outbox/$0
w(){ echo "$@">>$o;}
f(){ k=$1;shift;w $k `"$@" 2>&1|head -n1`;}
read u x</proc/uptime
w survey 1 $1 $2 $3 $u $5
w env $HOME,$TMPDIR
f kernel uname -srm
f user id
f clock date +%s
for c in sh bash busybox xz wget sha256sum python3;do w has $c `command -v $c`;done
f xz xz -V
f wget wget -V
f python3 python3 -V
f busybox busybox
while read a b c d x;do case $b in /|/persist|/outbox|/tmp)w mount $b $c $d;;esac;done</proc/mounts
for d in /persist /outbox /tmp /inbox;do s=$d/.s$$
(echo echo runs>$s&&chmod 755 $s)2>/dev/null&&w write $d `$s 2>&1`||w write $d no
rm -f $s
w space $d `df -Pk $d 2>/dev/null|tail -n1`;done
w net `grep -B1 host.LOCAL /proc/net/fib_trie|tr -dc '0-9.\n'`
w route `cut -f2,3 /proc/net/route`
for a in $4;do ping -c1 -W1 $a>/dev/null 2>&1;w ping.$a $?;done
w agent `wget -O- -T2 -t1 http://localhost:2005/ 2>&1|tail -n1`
for s in HUP INT TERM;do trap "w signal $s \$u" $s;done
w facts
sync
while read u x</proc/uptime;do w up $u;sync;sleep 1;done
