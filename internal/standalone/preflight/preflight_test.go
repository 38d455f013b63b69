package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	btf := filepath.Join(dir, "vmlinux")
	touch(t, btf, 0o600)
	good := Machine{Release: "6.18.44-generic", TypeInfo: btf}
	with := func(f func(*Machine)) Machine {
		m := good
		f(&m)
		return m
	}
	for name, c := range map[string]struct {
		m    Machine
		want string
	}{
		"good":          {good, ""},
		"least kernel":  {with(func(m *Machine) { m.Release = "6.4.0" }), ""},
		"next major":    {with(func(m *Machine) { m.Release = "7.0" }), ""},
		"too old":       {with(func(m *Machine) { m.Release = "6.3.13" }), "6.4 or later"},
		"much too old":  {with(func(m *Machine) { m.Release = "5.15.0-91-generic" }), "6.4 or later"},
		"strange":       {with(func(m *Machine) { m.Release = "linux" }), "not understood"},
		"not root":      {with(func(m *Machine) { m.UID = 1000 }), "not root"},
		"no BTF":        {with(func(m *Machine) { m.TypeInfo = btf + "x" }), "CONFIG_DEBUG_INFO_BTF"},
		"root is first": {with(func(m *Machine) { m.UID, m.Release = 1, "5.0" }), "not root"},
	} {
		err := c.m.Check()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: got error %v, want one line with %q", name, err, c.want)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m, err := ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if m.UID != os.Geteuid() || !strings.Contains(m.Release, ".") {
		t.Errorf("got %+v", m)
	}
}

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "agent"), 0o755)
	touch(t, filepath.Join(dir, "text"), 0o644)
	if err := Programs(dir, "agent"); err != nil {
		t.Error(err)
	}
	err := Programs(dir, "agent", "cni", "text")
	if err == nil || !strings.Contains(err.Error(), "cni, text not found in "+dir) {
		t.Errorf("got error %v", err)
	}
}

func touch(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), mode); err != nil {
		t.Fatal(err)
	}
}
