package manifest

import (
	"fmt"
	"strings"
)

// Warnings tells, in sentences with file and line, which policies do not mean what is written in them: those with fields that could not be understood or
// are not supported, which fail closed, and those of other systems (see ForeignPolicies); and which pods have the address of another one.
func (w *World) Warnings() []string {
	var all []string
	for _, o := range w.Objects {
		all = append(all, o.foreign()...)
		all = append(all, w.disputes(o)...)
		if o.Policy == nil {
			continue
		}
		for _, p := range o.Policy.Problems {
			all = append(all, fmt.Sprintf("%s: warning: %s: %s", o.At(p.Field), o.Policy.Ref, p))
		}
	}
	return all
}

// ForeignPolicies tells, in sentences with file and line, of the policies of other systems, such as GlobalNetworkPolicy of crd.projectcalico.org: they are not
// looked at, so that what they do is in no answer.
func (w *World) ForeignPolicies() []string {
	var all []string
	for _, o := range w.Objects {
		all = append(all, o.foreign()...)
	}
	return all
}

func (o *Object) foreign() []string {
	if o.Value != nil || !strings.HasSuffix(o.Kind.Kind, "NetworkPolicy") {
		return nil
	}
	return []string{fmt.Sprintf("%s: warning: %s of %s is a policy of another system and is not looked at", o.Position, o, o.Kind.GroupVersion())}
}

func (w *World) disputes(o *Object) []string {
	if o.Pod == nil || o.Pod.HostNetwork || o.Pod.Terminated {
		return nil
	}
	var all []string
	for _, a := range o.Pod.Addresses {
		if w.claims[a] > 1 {
			all = append(all, fmt.Sprintf("%s: warning: %s has the address %s, and so has another pod: nothing passes there until one of them gives it up", o.Position, o, a))
		}
	}
	return all
}
