package plan

import (
	"fmt"
	"strings"
)

// MaxBootstrap is the limit of the hand-over's script, bytes (docs/contract.md, "What goes up").
const MaxBootstrap = 1024

// bootstrap is what the SABERTOOTH's /bin/sh runs to get the program that went
// up to the SDR. Its arguments ($0, $@) are the agent's name and flags.
//
// The clock is /proc/uptime, since the wall clock of a payload that was just
// powered on may be unset or step. No try begins in the window's last 5 s: one
// can take 4, and the failure must be written while there is power. The agent
// counts its --for from the start of this shell, whose process it becomes. A
// program that is aboard already is used if its hash is right, so
// later windows fetch nothing, and a copy that a power cut tore is replaced.
// There is no sync: the hash is proven at each start, and flash is slow.
//
// The first line in the log is written before anything is tried, because at the
// end of a window nobody is told: with the power goes the last word.
func (s Spec) bootstrap() string {
	a := s.artifact(SDR)
	return strings.NewReplacer(
		"%P", a.Destination(), "%H", a.SHA256, "%A", strings.Join(s.candidates(), " "),
		"%D", fmt.Sprint(int64(s.FetchDuration.Seconds())),
	).Replace(handOver)
}

// It must do with dash, bash and busybox sh, GNU wget (as on the payload; that
// of busybox has no time limits everywhere), and no PATH.
const handOver = `PATH=/bin:/usr/bin:/sbin:/usr/sbin p=%P h=%H n=$p.$$
export PATH
t(){ read u _ </proc/uptime;u=${u%%.*};}
l(){ echo "{\"level\":\"$1\",\"time\":\"$(date -u +%FT%TZ)\",\"message\":\"hand-over: $2\"}">>/outbox/sabertooth-fetch.log;}
c(){ echo "$h  $1"|sha256sum -c >/dev/null 2>&1;}
t;e=$((u+%D))
g(){ for a in %A;do t;[ $u -lt $((e-5)) ]||return 1
wget -q -t1 -T2 -O $n http://$a$p 2>/dev/null&&c $n&&chmod 755 $n&&mv $n $p&&return;done;return 1;}
if ! c $p;then
l info "fetching $p"
mkdir -p ${p%/*}
until g;do t
[ $u -lt $((e-5)) ]||{ rm -f $n;l error "no server gave a whole $p";exit 1;}
sleep .2||sleep 1;done
fi
exec $p "$0" "$@"
`
