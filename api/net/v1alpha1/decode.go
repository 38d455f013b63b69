package v1alpha1

import (
	"encoding/json"
	"errors"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// Decode reads a policy from JSON, strictly: an unknown or doubled field, a wrong type and a null are problems, each with its
// field path. See DecodeObject for what the policy holds when there are problems. Values are not judged; that is Validate's part.
// Bytes that are no JSON object give an empty policy and one error without a usable path.
func Decode(data []byte) (*NetworkPolicy, field.ErrorList) {
	var object map[string]any
	doubled, err := kjson.UnmarshalStrict(data, &object, kjson.DisallowDuplicateFields)
	if err == nil && object == nil {
		err = errors.New("the value is null")
	}
	if err != nil {
		return &NetworkPolicy{}, field.ErrorList{notAnObject(data, err)}
	}
	policy, errs := DecodeObject(object)
	found := problems{errs: errs}
	for _, err := range doubled {
		found.add(duplicate(err))
	}
	return closed(policy, &found)
}

// DecodeObject is Decode for an object that is parsed already, as an unstructured.Unstructured holds it.
//
// The policy that is returned is never nil. With problems it holds what could be read, except that it allows nothing: its
// AllowIncoming is nil. So whoever uses it in spite of the errors lets nobody in. Whether its PodSelector is to be trusted
// is answered by SubjectsSound.
func DecodeObject(object map[string]any) (*NetworkPolicy, field.ErrorList) {
	var found problems
	policy := &NetworkPolicy{}
	root := reader{found: &found, value: object}
	policy.TypeMeta = root.typeMeta()
	for name, value := range root.fields("apiVersion", "kind", "metadata", "spec", "status") {
		switch name {
		case "metadata":
			policy.ObjectMeta = value.objectMeta()
		case "spec":
			policy.Spec = value.spec()
		}
	}
	return closed(policy, &found)
}

// notAnObject is the error about bytes that hold no object; it concerns everything, so its path is empty.
func notAnObject(data []byte, err error) *field.Error {
	return &field.Error{Type: field.ErrorTypeTypeInvalid, BadValue: shorten(string(data)), Detail: "must be a JSON object: " + err.Error()}
}

// closed makes a policy with problems allow nothing.
func closed(policy *NetworkPolicy, found *problems) (*NetworkPolicy, field.ErrorList) {
	if len(found.errs) > 0 {
		policy.Spec.AllowIncoming = nil
	}
	return policy, found.list()
}

// duplicate turns the parser's error about a doubled field into one with a path.
func duplicate(err error) *field.Error {
	path := "" // everything, unless the parser says where
	var strict kjson.FieldError
	if errors.As(err, &strict) {
		path = strict.FieldPath()
	}
	return &field.Error{Type: field.ErrorTypeDuplicate, Field: shorten(path), BadValue: field.OmitValueType{}, Detail: "the field appears more than once"}
}

// typeMeta reads apiVersion and kind. Both may be absent: a request of 2016 had no apiVersion.
func (r reader) typeMeta() metav1.TypeMeta {
	object, _ := r.value.(map[string]any)
	check := func(name, want string) string {
		value, found := object[name]
		if !found {
			return ""
		}
		got := r.child(name, value).text()
		if got != nil && *got != want {
			r.found.add(field.NotSupported(field.NewPath(name), shorten(*got), []string{want}))
		}
		return want
	}
	return metav1.TypeMeta{APIVersion: check("apiVersion", SchemeGroupVersion.String()), Kind: check("kind", Kind)}
}

// objectMeta reads metadata. Its content is the API server's to judge; here it only has to have the right types.
func (r reader) objectMeta() metav1.ObjectMeta {
	var meta metav1.ObjectMeta
	if _, ok := r.value.(map[string]any); !ok {
		r.wrongType("an object")
		return meta
	}
	data, err := json.Marshal(r.value)
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(data, &meta)
	}
	if err != nil {
		r.found.add(field.TypeInvalid(metadataPath(r.path, err), field.OmitValueType{}, err.Error()))
	}
	return meta
}

// metadataPath adds to the path of metadata the field that the parser complains of, where it names one.
func metadataPath(path *field.Path, err error) *field.Path {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return path.Child(strings.TrimPrefix(wrong.Field, "."))
	}
	return path
}

func (r reader) spec() NetworkPolicySpec {
	var spec NetworkPolicySpec
	for name, value := range r.fields("podSelector", "allowIncoming") {
		switch name {
		case "allowIncoming":
			spec.AllowIncoming = value.incoming()
		case "podSelector":
			if labels := value.labels(); labels != nil {
				spec.PodSelector = *labels
			}
		}
	}
	return spec
}

func (r reader) incoming() *AllowIncoming {
	incoming := &AllowIncoming{}
	for name, value := range r.fields("from", "toPorts") {
		switch name {
		case "from":
			for entry := range value.entries(MaxPeers) {
				incoming.From = append(incoming.From, entry.peer())
			}
		case "toPorts":
			for entry := range value.entries(MaxPorts) {
				incoming.ToPorts = append(incoming.ToPorts, entry.port())
			}
		}
	}
	return incoming
}

func (r reader) peer() Peer {
	var peer Peer
	for name, value := range r.fields("pods", "namespaces") {
		switch name {
		case "pods":
			peer.Pods = value.labels()
		case "namespaces":
			peer.Namespaces = value.labels()
		}
	}
	return peer
}

func (r reader) port() Port {
	var port Port
	for name, value := range r.fields("port", "protocol") {
		switch name {
		case "port":
			port.Port = value.intOrString()
		case "protocol":
			port.Protocol = value.text()
		}
	}
	return port
}
