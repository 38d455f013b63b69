package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMisspeltCommandIsAnError(t *testing.T) {
	c := command()
	c.SetArgs([]string{"upp"})
	if err := c.Execute(); err == nil || !strings.Contains(err.Error(), `"upp"`) {
		t.Errorf("error %v, want one about upp", err)
	}
}

func TestHelp(t *testing.T) {
	c, out := command(), &bytes.Buffer{}
	c.SetOut(out)
	c.SetArgs([]string{})
	if err := c.Execute(); err != nil || !strings.Contains(out.String(), "Available Commands:") {
		t.Errorf("%v\n%s\nwant the list of commands", err, out)
	}
	if strings.Contains(out.String(), "--version") {
		t.Errorf("the help shows a flag of Kubernetes:\n%s", out)
	}
}
