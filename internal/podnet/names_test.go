package podnet

import (
	"strings"
	"testing"
)

func TestHostName(t *testing.T) {
	seen := map[string]Owner{}
	for _, o := range []Owner{{"a", "eth0"}, {"a", "net1"}, {"b", "eth0"}, {"ae", "th0"}, {"", ""}, {strings.Repeat("f", 64), strings.Repeat("e", 15)}} {
		name := HostName(o)
		if len(name) > 15 || !hostNamePattern.MatchString(name) {
			t.Errorf("host side of %s is %q", o, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s have one host side", o, other)
		}
		seen[name] = o
		if name != HostName(o) {
			t.Errorf("host side of %s changes", o)
		}
	}
}

func TestHardwareAddr(t *testing.T) {
	o := Owner{"a", "eth0"}
	host, pod := hardwareAddr(o, "host"), hardwareAddr(o, "pod")
	if host.String() == pod.String() {
		t.Error("both ends have one address")
	}
	for _, mac := range []byte{host[0], pod[0]} {
		if mac&3 != 2 {
			t.Errorf("first byte %02x is not that of a locally administered unicast address", mac)
		}
	}
}

func TestAlias(t *testing.T) {
	p := &Pod{Network: "hedgerow", Label: "tenant-a/frontend"}
	if got := p.alias(); got != "hedgerow hedgerow: tenant-a/frontend" {
		t.Errorf("alias %q", got)
	}
	p.Label = strings.Repeat("x", 400)
	if len(p.alias()) != maxAlias || !ownedBy("hedgerow", p.alias()) {
		t.Errorf("alias of %d bytes: %q", len(p.alias()), p.alias())
	}
	p.Network = strings.Repeat("n", 300)
	if !ownedBy(p.Network, p.alias()) {
		t.Error("a network with a long name does not know its own")
	}
	if ownedBy("hedge", "hedgerow hedgerow: x") || !ownedBy("hedgerow", "") {
		t.Error("ownedBy")
	}
}
