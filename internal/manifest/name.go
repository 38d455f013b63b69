package manifest

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// checkNames refuses names and labels that an API server refuses: no policy can mean them, and a terminal or a web page might take them for more than a name.
func checkNames(o *Object) error {
	if len(validation.IsDNS1123Subdomain(o.Name)) > 0 {
		return o.refuse("metadata.name", "must be a name of lower case letters, digits, - and ., not %q", shorten(o.Name))
	}
	if o.Namespace != "" && len(validation.IsDNS1123Label(o.Namespace)) > 0 {
		return o.refuse("metadata.namespace", "must be a name of lower case letters, digits and -, not %q", shorten(o.Namespace))
	}
	if meta, ok := o.Value.(metav1.Object); ok {
		if err := checkLabels(o, "metadata.labels", meta.GetLabels()); err != nil {
			return err
		}
	}
	if t := template(o.Value); t != nil {
		return checkLabels(o, templatePath(o.Kind.Kind, "metadata.labels"), t.Labels)
	}
	return nil
}

func checkLabels(o *Object, field string, labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			return o.refuse(field, "must have keys such as app or example.com/app, not %q", shorten(key))
		}
		if problems := validation.IsValidLabelValue(labels[key]); len(problems) > 0 {
			return o.refuse(fmt.Sprintf("%s[%s]", field, key), "must be of letters, digits, -, _ and ., begin and end with a letter or digit, and have at most %d characters, not %q",
				validation.LabelValueMaxLength, shorten(labels[key]))
		}
	}
	return nil
}
