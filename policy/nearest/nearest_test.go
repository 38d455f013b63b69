package nearest

import "testing"

func TestName(t *testing.T) {
	labels := []string{"frontend", "backend", "db", "api-v1", "cache"}
	fields := []string{"ports", "from", "namespaceSelector"}
	for _, test := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"bakcend", labels, "backend"}, {"front-end", labels, "frontend"}, {"Backend", labels, "backend"}, {"dv", labels, "db"}, {"api-v2", labels, "api-v1"},
		{"backend", labels, ""}, {"payments", labels, ""}, {"x", labels, ""}, {"web", labels, ""}, {"", labels, ""},
		{"form", fields, "from"}, {"fron", fields, "from"}, {"From", fields, "from"}, {"frm", fields, "from"}, {"port", fields, "ports"},
		{"namespaceSelecter", fields, "namespaceSelector"}, {"namspaceSelctor", fields, "namespaceSelector"}, {"nameSelector", fields, ""}, {"egress", fields, ""},
		{"web-3", []string{"web-2", "web-1"}, "web-1"}, // of equals the first by name
		{"b", []string{"a"}, ""},                       // every letter is one error away from every other
	} {
		if got := Name(test.name, test.candidates); got != test.want {
			t.Errorf("nearest to %q of %q is %q, want %q", test.name, test.candidates, got, test.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	if got, want := DidYouMean("form", []string{"from"}), `; did you mean "from"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := DidYouMean("egress", []string{"from"}); got != "" {
		t.Errorf("got %q for nothing like it", got)
	}
}
