package manifest

import "github.com/hedgerow-net/hedgerow/policy"

// node is the parsed document of an object.
type node struct{}

// At returns the position of a field, such as "spec.egress[0].to[1].ipBlock"; of a field that was not written, that of the nearest
// enclosing one that was.
func (o *Object) At(field string) Position { return o.Position }

// ObjectOf returns the object that a policy was made from; nil when there is none.
func (w *World) ObjectOf(ref policy.Ref) *Object { return nil }
