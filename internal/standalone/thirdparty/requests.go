package thirdparty

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// WrapHandler makes a handler accept requests as they were sent in 2016: with a trailing slash, JSON under the content type that curl -d
// gives it, no apiVersion in the body. Only requests for ThirdPartyResources, alpha policies and the kinds that ThirdPartyResources
// made are rewritten; all others pass as they are. Bodies are read only when next reads them, so whoever is not authorised never gets that far,
// and at most maxBody bytes; what is wrong with one is answered as a Status.
func (e *Extension) WrapHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, e.kinds.modernize(r))
	})
}

// modernize returns the request as a client of today would send it. The request given is not changed.
func (k *kinds) modernize(r *http.Request) *http.Request {
	target, ok := parseTarget(r.URL.Path)
	if !ok {
		return r
	}
	kind, known := k.of(target.resource)
	if !known || target.resource == v1beta1.GroupResource && target.version != v1beta1.Version {
		return r
	}
	out := withoutSlash(r)
	if (r.Method == http.MethodPost || r.Method == http.MethodPut) && !target.subresource && mayBeJSON(r.Header) {
		out = withJSON(out, typeOf{apiVersion: target.resource.Group + "/" + target.version, kind: kind})
	}
	return out
}

// target is what a path is about.
type target struct {
	resource    schema.GroupResource
	version     string
	subresource bool
}

// parseTarget reads /apis/GROUP/VERSION[/namespaces/NAMESPACE]/RESOURCE[/NAME[/SUBRESOURCE]], with or without a slash at the end.
func parseTarget(path string) (target, bool) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(parts) < 5 || parts[0] != "" || parts[1] != "apis" {
		return target{}, false
	}
	group, version, rest := parts[2], parts[3], parts[4:]
	if rest[0] == "namespaces" && len(rest) >= 3 {
		rest = rest[2:]
	}
	return target{
		resource: schema.GroupResource{Group: group, Resource: rest[0]}, version: version, subresource: len(rest) > 2,
	}, true
}

// withoutSlash drops the slash at the end of the path. Routes have none.
func withoutSlash(r *http.Request) *http.Request {
	if !strings.HasSuffix(r.URL.Path, "/") {
		return r
	}
	out, location := new(http.Request), new(url.URL)
	*out, *location = *r, *r.URL
	location.Path = strings.TrimSuffix(location.Path, "/")
	location.RawPath = strings.TrimSuffix(location.RawPath, "/")
	out.URL = location
	return out
}

// mayBeJSON tells whether a body may be taken for JSON: it says so, it says nothing, or it has what curl -d says of everything.
func mayBeJSON(header http.Header) bool {
	if header.Get("Content-Encoding") != "" {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "application/x-www-form-urlencoded")
}

// withJSON declares the body to be JSON and completes it with its type.
func withJSON(r *http.Request, completion typeOf) *http.Request {
	out := new(http.Request)
	*out = *r
	out.Header = r.Header.Clone()
	out.Header.Set("Content-Type", "application/json")
	out.Body = &body{original: r.Body, completion: completion}
	out.ContentLength = -1
	return out
}
