package review

import (
	"net/url"
	"strings"
)

// URL is where an object may be opened by whoever may read it.
func (b *Bucket) URL(key string) string {
	o := b.client.Options()
	u := &url.URL{Scheme: "https", Host: b.Name + ".s3." + o.Region + ".amazonaws.com", Path: "/" + key}
	if strings.HasPrefix(o.Region, "cn-") {
		u.Host += ".cn"
	}
	if strings.Contains(b.Name, ".") { // which no certificate covers
		u.Host, u.Path = strings.TrimPrefix(u.Host, b.Name+"."), "/"+b.Name+u.Path
	}
	if o.BaseEndpoint != nil {
		base, err := url.Parse(*o.BaseEndpoint)
		if err != nil {
			return ""
		}
		base.User = nil
		u = base
		u.Path = strings.TrimSuffix(base.Path, "/") + "/" + b.Name + "/" + key
	}
	return u.String()
}
