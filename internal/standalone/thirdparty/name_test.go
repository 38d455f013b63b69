package thirdparty

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for _, test := range []struct{ in, kind, resource, group string }{
		{"network-policy.net.alpha.kubernetes.io", "NetworkPolicy", "networkpolicys", "net.alpha.kubernetes.io"},
		{"cron-tab.example.com", "CronTab", "crontabs", "example.com"},
		{"foo.example.com", "Foo", "foos", "example.com"},
		{"a-b-c.x-y.z", "ABC", "abcs", "x-y.z"},
		{"v2-thing3.example.com", "V2Thing3", "v2thing3s", "example.com"},
		{"x-1.example.com", "X1", "x1s", "example.com"},
	} {
		got, err := ParseName(test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if got.Kind != test.kind || got.Resource() != test.resource || got.Group != test.group || got.Definition() != test.resource+"."+test.group {
			t.Errorf("%s: kind %s, resource %s, group %s, definition %s", test.in, got.Kind, got.Resource(), got.Group, got.Definition())
		}
	}
}

func TestParseNameRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     `the kind ""`,
		"foo":                                  `the group "" needs a dot`,
		"foo.com":                              `the group "com" needs a dot`,
		"foo.":                                 `the group "" needs a dot`,
		".example.com":                         `the kind ""`,
		"Foo.example.com":                      `the kind "Foo"`,
		"foo_bar.example.com":                  `the kind "foo_bar"`,
		"-foo.example.com":                     `the kind "-foo"`,
		"foo-.example.com":                     `the kind "foo-"`,
		"foo--bar.example.com":                 `the kind "foo--bar"`,
		"1foo.example.com":                     `the kind "1foo"`,
		"foo.Example.com":                      `the group "Example.com"`,
		"foo.example..com":                     `the group "example..com"`,
		"foo.example.com.":                     `the group "example.com."`,
		"fö.example.com":                       `the kind "fö"`,
		strings.Repeat("a", 63) + ".b.c":       `no more than 63`,
		"foo." + strings.Repeat("a.", 130):     `no more than 253`,
		"f." + strings.Repeat("a.", 125) + "b": `the definition`,
	} {
		_, err := ParseName(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), nameForm) {
			t.Errorf("%q: error %v; want the form and %q", in, err, want)
		}
	}
}
