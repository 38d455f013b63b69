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

// controls are what a case that expects Deny needs besides it: the same end and port, as written or as found.
type controls struct {
	servers map[server]bool
	written map[[2]string]bool
}

func newControls() *controls { return &controls{map[server]bool{}, map[[2]string]bool{}} }

// show notes what the cases of a test that expect Allow show to be there.
func (c *controls) show(all []asked) {
	for _, a := range all {
		if a.Expect != Allow {
			continue
		}
		c.written[[2]string{a.To.Value, a.portWords()}] = true
		for _, f := range a.flows {
			c.servers[serverOf(f.decision.Flow)] = true
		}
	}
}

// warn tells of cases of a test that expect Deny although no case of any test shows that anybody reaches that destination on that port: they
// would pass as well if the name or the port were wrong.
func (c *controls) warn(t *Test, all []asked, warn func(string)) {
	warned := map[[2]string]bool{}
	for _, a := range all {
		what := [2]string{a.To.Value, a.portWords()}
		if a.Expect != Deny || warned[what] || c.written[what] || c.hasServer(&a) {
			continue
		}
		warned[what] = true
		warn(fmt.Sprintf("%s: warning: test %s: case %q has no control: no case expects that anybody reaches %s on %s, so it would pass with a wrong name or port, too; add one",
			a.Position, t.Name, a.Name, what[0], what[1]))
	}
}

func (c *controls) hasServer(a *asked) bool {
	for _, f := range a.flows {
		if c.servers[serverOf(f.decision.Flow)] {
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
