#!/bin/sh
# The head of a packed program; scripts/pack drops these comments, fills in NAME, SUM, ID and LINE, puts what undoes the
# filter in the place of UNFILTER, and the xz body behind it all.
# The environment is empty, so PATH is set. Whatever goes wrong, exec included: one line for the ground, exit 1. An update
# that starts this for its sake sets q, and tells of it itself.
PATH=/bin:/usr/bin:/sbin:/usr/sbin n=NAME
trap 'e=`echo "$n: cannot start:$e"|tr -d "\042\134"|tr "\n" " "`
echo "$e">&2
[ -d "/outbox$q" ]&&echo "{\"level\":\"fatal\",\"message\":\"$e\"}">>/outbox/$n.log
exit 1' 0
# Checked at every start (some ms), so that a torn or rotten program is made anew. [ -x ] is false where mounted noexec.
c(){ [ -x "$f$1" ]&&[ "`sha256sum<"$f$1"`" = "SUM  -" ];}
# It gets its name only when checked and synced, and as the last of its files: power can go at any instant, and what was cut
# is taken away by the next that unpacks, of any version. Two starts at once: each has its own $t; the slower one finds the
# other's program.
u(){ mkdir -p "$d"&&tail -n+LINE "$0"|xz -dc>"$f$t.x"&&chmod 755 "$f$t.x"&&UNFILTER&&chmod 755 "$f$t"&&c $t&&sync "$f$t"&&rm -f "$f$t.x"&&mv "$f$t" "$f"||echo not unpacked;rm -f "$d/.$n-"*.*;}
# Never /outbox: what lies there is downlinked.
for d in /persist/bin "${0%/*}" /var/tmp /dev/shm /tmp;do
f=$d/.$n-ID t=.$$
c||e="$e $d: `u 2>&1`"
c&&exec "$f" "$@"
done
exit 1
