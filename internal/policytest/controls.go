package policytest

import (
	"fmt"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/policy"
)

// server is what a case that expects Allow shows to be there.
type server struct {
	at       netip.AddrPort
	protocol policy.Protocol
}

func serverOf(f policy.Flow) server {
	return server{netip.AddrPortFrom(f.Destination.Address, f.Port), f.Protocol}
}

// warnOfControls tells of cases that expect Deny although no case of the test shows that anybody reaches that destination on that port: they would
// pass as well if the name or the port were wrong.
func warnOfControls(t *Test, all []asked, warn func(string)) {
	shown := map[server]bool{}
	for _, a := range all {
		for _, f := range a.flows {
			if a.Expect == Allow {
				shown[serverOf(f.decision.Flow)] = true
			}
		}
	}
	warned := map[string]bool{}
	for _, a := range all {
		what := fmt.Sprintf("%s on %s", a.To.Value, a.portWords())
		if a.Expect != Deny || warned[what] || a.isShown(shown) {
			continue
		}
		warned[what] = true
		warn(fmt.Sprintf("%s: warning: test %s: case %q has no control: no case expects that anybody reaches %s, so it would pass with a wrong port, too; add one",
			a.Position, t.Name, a.Name, what))
	}
}

func (a *asked) isShown(shown map[server]bool) bool {
	for _, f := range a.flows {
		if shown[serverOf(f.decision.Flow)] {
			return true
		}
	}
	return false
}

// portWords names the port of a case: "TCP 80", "ICMP".
func (c *Case) portWords() string {
	if c.Port.Value == "" {
		return c.Protocol.Value
	}
	return c.Protocol.Value + " " + c.Port.Value
}
