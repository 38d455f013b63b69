package v1beta1

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// full has every field set.
func full() *ThirdPartyResource {
	return &ThirdPartyResource{
		TypeMeta:    metav1.TypeMeta{APIVersion: "extensions/v1beta1", Kind: "ThirdPartyResource"},
		ObjectMeta:  metav1.ObjectMeta{Name: "cron-tab.example.com", Labels: map[string]string{"a": "b"}},
		Description: "for people", Versions: []APIVersion{{Name: "v1"}},
	}
}

func TestDeepCopySharesNothing(t *testing.T) {
	original := full()
	list := &ThirdPartyResourceList{Items: []ThirdPartyResource{*original}}
	copied, copiedList := original.DeepCopyObject().(*ThirdPartyResource), list.DeepCopyObject().(*ThirdPartyResourceList)
	original.Labels["a"], original.Versions[0].Name, list.Items[0].Description = "changed", "changed", "changed"
	for name, got := range map[string]*ThirdPartyResource{"resource": copied, "item": &copiedList.Items[0]} {
		if diff := cmp.Diff(full(), got); diff != "" {
			t.Errorf("%s changed with its original (-want +got):\n%s", name, diff)
		}
	}
	if (*ThirdPartyResource)(nil).DeepCopyObject() != nil || (*ThirdPartyResourceList)(nil).DeepCopyObject() != nil {
		t.Error("the copy of nil is something")
	}
}

// TestStorage: what is encoded for storage is decoded as it was, by way of the internal version.
func TestStorage(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codec := serializer.NewCodecFactory(scheme).LegacyCodec(SchemeGroupVersion)
	data, err := runtime.Encode(codec, full())
	if err != nil {
		t.Fatal(err)
	}
	got, err := runtime.Decode(codec, data)
	if err != nil {
		t.Fatal(err)
	}
	want := full()
	want.TypeMeta = metav1.TypeMeta{} // the internal version has none
	if diff := cmp.Diff(runtime.Object(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", data, diff)
	}
}

// TestDefinitionsCoverEveryField: a field that is written must be described, or server-side apply drops it.
func TestDefinitionsCoverEveryField(t *testing.T) {
	definitions := Definitions(func(string) spec.Ref { return spec.Ref{} })
	for model, object := range map[string]any{
		resourceModel: full(),
		listModel:     &ThirdPartyResourceList{TypeMeta: full().TypeMeta, Items: []ThirdPartyResource{}},
		versionModel:  APIVersion{Name: "v1"},
	} {
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		want, got := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(definitions[model].Schema.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-fields +described):\n%s", model, diff)
		}
		if _, ours := DefinitionExtensions(model); !ours {
			t.Errorf("%s is not ours", model)
		}
	}
}
