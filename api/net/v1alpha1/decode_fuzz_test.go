package v1alpha1

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode: whatever the bytes, nothing panics; with problems nothing is allowed; without, writing and reading again gives the
// same policy, and the standard decoder agrees.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		published, `{}`, `null`, `[`, `{"spec":{"allowIncoming":{"from":[{"pods":{}},{"namespaces":{"a":"b"}},{}],"toPorts":[{"port":"x"},{"port":-1}]}}}`,
		`{"spec":{"allowIncoming":{"form":[]}}}`, `{"spec":{"podSelector":{"a":1}}}`, `{"metadata":{"labels":1}}`, `{"spec":{},"spec":{}}`,
		`{"spec":{"allowIncoming":{"toPorts":[{"port":1e3},{"port":99999999999},{"port":80.5}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		policy, errs := Decode(data)
		Validate(policy)
		if len(errs) > 0 {
			if policy.Spec.AllowIncoming != nil {
				t.Fatalf("allows something in spite of %v", errs)
			}
			return
		}
		var plain NetworkPolicy
		if err := json.Unmarshal(data, &plain); err != nil {
			// Numbers such as 1e3 are integers for Decode and not for intstr, and dates are looser there.
			return
		}
		if diff := cmp.Diff(normal(t, &plain), normal(t, policy)); diff != "" {
			t.Fatalf("the standard decoder reads otherwise (-standard +ours):\n%s", diff)
		}
	})
}

// normal is the policy as it is written, apart from the kind that Decode fills in.
func normal(t *testing.T, policy *NetworkPolicy) *NetworkPolicy {
	policy = policy.DeepCopy()
	policy.APIVersion, policy.Kind = "", ""
	data, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	out, errs := Decode(data)
	if len(errs) > 0 {
		t.Fatalf("%s: %v", data, errs)
	}
	return out
}
