package cli

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/policytest"
)

// jsonAnswers are what the verbs print with -o json. A new one adds its line here, and a section of its name to docs/json.md.
var jsonAnswers = map[string]reflect.Type{
	"explain":      reflect.TypeFor[explanation](),
	"matrix":       reflect.TypeFor[matrixJSON](),
	"diff":         reflect.TypeFor[diffAnswer](),
	"lint":         reflect.TypeFor[lintAnswer](),
	"lint --codes": reflect.TypeFor[codesAnswer](),
	"test":         reflect.TypeFor[policytest.ReportJSON](),
}

// TestJSONIsDocumented: docs/json.md has a section "## VERB" for each verb with a table row for each field, and no other rows. A struct that occurs in
// several places is described at the first of them.
func TestJSONIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for verb, answer := range jsonAnswers {
		fields := map[string]bool{}
		fieldsOf(answer, "", map[reflect.Type]bool{}, fields)
		rows := rowsOf(string(text), verb)
		for f, optional := range fields {
			documented, found := rows[f]
			switch {
			case !found:
				t.Errorf("docs/json.md: section %q does not describe `%s`", verb, f)
			case documented != optional:
				t.Errorf("docs/json.md: section %q: `%s` is called optional: %v, but may be left out: %v", verb, f, documented, optional)
			}
		}
		for row := range rows {
			if _, found := fields[row]; !found {
				t.Errorf("docs/json.md: section %q describes `%s`, which is not there", verb, row)
			}
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\|")

// rowsOf returns the fields that the section of a verb has rows for, and whether they are called optional.
func rowsOf(text, verb string) map[string]bool {
	_, section, _ := strings.Cut(text, "\n## "+verb+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]bool{}
	for _, found := range row.FindAllStringSubmatch(section, -1) {
		rows[found[1]] = strings.Contains(found[2], "optional")
	}
	return rows
}

// fieldsOf collects the paths of the JSON fields of a type, such as "flows[].from.name", and whether they are left out when they are empty.
func fieldsOf(t reflect.Type, path string, seen map[reflect.Type]bool, to map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		if t.Kind() != reflect.Pointer {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case f.Anonymous && name == "":
			fieldsOf(f.Type, path, seen, to)
			continue
		case name == "":
			name = f.Name
		}
		below := strings.TrimPrefix(path+"."+name, ".")
		to[below] = strings.Contains(options, "omitempty")
		fieldsOf(f.Type, below, seen, to)
	}
}
