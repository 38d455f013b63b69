package v1alpha1

import (
	"fmt"
	"strings"
)

// IsolationAnnotation is the annotation of a Namespace that isolates every pod of the namespace for ingress: IsolationOn or
// IsolationOff, nothing else. Read it with ParseIsolation.
const IsolationAnnotation = "net.alpha.kubernetes.io/network-isolation"

// Values of IsolationAnnotation.
const (
	// IsolationOn isolates: only what a policy allows reaches the pods of the namespace.
	IsolationOn = "on"
	// IsolationOff does not isolate, as if the annotation were absent.
	IsolationOff = "off"
)

// ParseIsolation tells from a namespace's annotations whether the namespace is isolated. A value other than on and off
// isolates too, so that a misspelling lets nobody in; the error then says what the value is and what is allowed.
func ParseIsolation(annotations map[string]string) (isolated bool, err error) {
	value, found := annotations[IsolationAnnotation]
	switch {
	case !found, value == IsolationOff:
		return false, nil
	case value == IsolationOn:
		return true, nil
	}
	return true, fmt.Errorf("parse annotation %s: value %q is neither %q nor %q; the namespace is isolated until it is one of them%s",
		IsolationAnnotation, shorten(value), IsolationOn, IsolationOff, booleanHint(value))
}

// booleanHint helps with the classic of YAML 1.1, where a bare on is the boolean true.
func booleanHint(value string) string {
	if value == "true" || value == "false" {
		return ` (in YAML quote it: a bare on or off is a boolean)`
	}
	return ""
}

// shorten keeps a foreign value from flooding a message.
func shorten(value string) string {
	const limit = 64
	if len(value) <= limit {
		return value
	}
	return strings.ToValidUTF8(value[:limit], "") + "…"
}
