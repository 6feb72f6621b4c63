package plan

import (
	"fmt"
	"path"
	"strings"
)

// MaxBootstrap is the limit of the hand-over's script, bytes (docs/contract.md, "What goes up").
const MaxBootstrap = 1024

// bootstrap is what the SABERTOOTH's /bin/sh runs to get the program that went
// up to the SDR. Its arguments ($0, $@) are the agent's name and flags.
//
// It takes the very program that the SDR's server runs (/proc/self/exe there),
// not the packed one: unpacking costs seconds of the overlap, and where an
// update went up, only the SDR has what it was made for. Of an update that
// failed there, the SDR runs the old program, and then so does the SABERTOOTH.
//
// It lies where a packed program would unpack itself (scripts/unpack.sh), in
// the first directory with room. One that is there already is used if its hash
// is right, so later windows fetch nothing, and a copy that a power cut tore is
// replaced. There is no sync: the hash is proven at each start, and flash is
// slow.
//
// The clock is /proc/uptime, since the wall clock of a payload that was just
// powered on may be unset or step. A try ends when 2 s bring nothing, and with
// the window's last 4 s, because the failure must be written while there is
// power. The agent's own clock began with this shell's process.
//
// The first line in the log is written before anything is tried, because at the
// end of a window nobody is told: with the power goes the last word.
func (s Spec) bootstrap() string {
	a := s.artifact(s.from().Name)
	sum, size := a.Runs()
	old := ""
	if a.OldID != "" {
		old = "|" + a.OldID + "*"
	}
	return strings.NewReplacer(
		"%P", path.Base(a.Destination()), "%H", sum, "%I", sum[:8], "%O", old, "%S", fmt.Sprint(size), "%A", strings.Join(s.candidates(), " "),
		"%D", fmt.Sprint(int64(s.FetchDuration.Seconds())),
	).Replace(handOver)
}

// It must do with dash, bash and busybox sh, with the wget of GNU (as on the
// payload) and of busybox, whose only common options are these, and no PATH.
const handOver = `PATH=/bin:/usr/bin h=%H i=.payload-%I
t(){ IFS=. read u _ </proc/uptime;}
l(){ echo "{\"level\":\"$1\",\"time\":\"$(date -u +%FT%TZ)\",\"message\":\"hand-over: $2\"}">>/outbox/$0.log;}
c(){ [ -x $1 ]&&case $(sha256sum<$1) in $h*%O);;*)false;esac;}
x(){ rm -f $n;l error "$1";exit 1;}
t;e=$((u+%D-4)) D='/persist/bin /var/tmp /dev/shm /tmp'
for d in $D;do c $d/$i&&exec $d/$i "$0" "$@";done
l info "fetching %P"
type wget||x "no wget"
for d in $D;do n=$d/$i.$$;rm -f $d/.pay*.*;mkdir -p $d&&head -c%S /dev/zero>$n&&chmod 755 $n&&[ -x $n ]&&break;rm -f $n;n=;done
[ $n ]||x "no room"
while :;do for a in %A;do t
[ $u -lt $e ]||x "no server gave it whole"
:>$n;wget -qO$n http://$a/proc/self/exe&w=$!
(z=0;while sleep 2;do t;s=$(wc -c<$n);[ $u -lt $e -a $s != $z ]||kill $w;z=$s;done)>&- 2>&-&k=$!
wait $w;kill $k
c $n&&mv $n $d/$i&&exec $d/$i "$0" "$@"
done;sleep .2||sleep 1;done
`
