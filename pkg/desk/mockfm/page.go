package mockfm

import (
	"html/template"
	"net/http"
	"strings"
	"time"
)

// servePage shows a person what the satellites are at. No script: reloading
// is the browser's.
func (m *Mock) servePage(w http.ResponseWriter, r *http.Request) {
	type row struct{ Cells []string }
	type table struct {
		Name string
		Head []string
		Rows []row
	}
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
	files, err := m.files.list()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	m.mu.Lock()
	sats := table{Name: "Satellites", Head: []string{"satellite", "NORAD id", "payloads"}}
	for _, s := range m.satellites {
		var names []string
		for _, p := range payloads {
			names = append(names, p.name)
		}
		sats.Rows = append(sats.Rows, row{[]string{s.ID, s.NORAD, strings.Join(names, ", ")}})
	}
	wins := table{Name: "Windows", Head: []string{"satellite", "payload", "id", "from", "to", "state", "now", "command", "outcome"}}
	for _, w := range m.windows {
		cmd := strings.Join(append([]string{w.command.Executable}, w.command.Arguments...), " ")
		wins.Rows = append(wins.Rows, row{[]string{w.satellite, w.payload.name, w.id, stamp(w.start), stamp(w.end), w.state, w.phase, cmd, w.outcome}})
	}
	ups := table{Name: "Uploads", Head: []string{"satellite", "payload", "id", "destination", "bytes", "sent", "status"}}
	for _, u := range m.uploads {
		ups.Rows = append(ups.Rows, row{[]string{u.satellite, u.payload.name, u.id, u.path, group(u.size), group(u.sent), u.status}})
	}
	next := m.contact(m.contacts + 1)
	m.mu.Unlock()
	down := table{Name: "Came down to s3://" + Bucket, Head: []string{"arrived", "bytes", "key"}}
	for _, f := range files {
		down.Rows = append(down.Rows, row{[]string{stamp(f.At), group(f.Size), f.Key}})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, map[string]any{
		"Now": stamp(m.clock.now()), "Contact": stamp(next), "Waiting": m.files.waiting(), "S3": m.s3u,
		"Tables": []table{sats, wins, ups, down},
	})
}

// group writes 1234567 as 1,234,567.
func group(n int64) string {
	var parts []string
	for ; n >= 1000; n /= 1000 {
		parts = append([]string{string([]byte{',', byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})}, parts...)
	}
	return template.HTMLEscaper(n) + strings.Join(parts, "")
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>mockfm</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 78em; padding: 0 1em; color: #1b2733 }
h1 { font-size: 1.4em; margin-bottom: .2em } h2 { font-size: 1.05em; margin: 1.6em 0 .4em }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #d8dee4; vertical-align: top; white-space: nowrap }
td.long { white-space: normal; overflow-wrap: anywhere }
th { font-weight: 600; color: #57606a; white-space: nowrap } p { margin: .2em 0 } .none { color: #57606a }
</style>
<h1>mockfm</h1>
<p>Satellite time {{.Now}} UTC, next contact {{.Contact}}. Files waiting for it: {{.Waiting}}.</p>
<p>S3 endpoint {{.S3}}</p>
{{range .Tables}}<h2>{{.Name}}</h2>
{{if .Rows}}<table><tr>{{range .Head}}<th>{{.}}{{end}}</tr>
{{range .Rows}}<tr>{{range .Cells}}<td{{if gt (len .) 40}} class="long"{{end}}>{{.}}{{end}}</tr>
{{end}}</table>{{else}}<p class="none">none</p>{{end}}
{{end}}</html>
`))
