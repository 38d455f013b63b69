package compile

import (
	"maps"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// step is one datapath.Change, in terms of the compiler's own objects.
type step struct {
	rows         []placedRow
	networks     map[netip.Prefix]*group // by prefixes of 128 bits, as noNetworks
	locals       map[datapath.ProfileIndex]*local
	interfaces   []uint32
	endpoints    map[netip.Addr]endpoint
	noEndpoints  []netip.Addr
	noInterfaces []uint32
	noLocals     []datapath.ProfileIndex
	noNetworks   []netip.Prefix
	noRows       []placedRow
}

// placedRow is a row at its place in the verdict table.
type placedRow struct {
	profile *profile
	group   *group
	row     *row
}

func newStep() *step {
	return &step{
		networks:  map[netip.Prefix]*group{},
		locals:    map[datapath.ProfileIndex]*local{},
		endpoints: map[netip.Addr]endpoint{},
	}
}

func (s *step) empty() bool {
	return len(s.rows)+len(s.networks)+len(s.locals)+len(s.interfaces)+len(s.endpoints)+
		len(s.noEndpoints)+len(s.noInterfaces)+len(s.noLocals)+len(s.noNetworks)+len(s.noRows) == 0
}

// precede adds the writes of a quiet step: verdicts, profiles and interfaces, which a change writes before it refers to them.
func (s *step) precede(quiet *step) {
	s.rows = append(quiet.rows, s.rows...)
	s.interfaces = append(quiet.interfaces, s.interfaces...)
	maps.Copy(s.locals, quiet.locals)
}

// nowhere has no entries.
var nowhere = &row{}

// entries returns what a placed row has in the tables: nothing when anyGroup's row says the same.
func (c *Compiler) entries(r placedRow) *row {
	if r.group != c.reserved.any && r.row == c.anyRow(r.profile) {
		return nowhere
	}
	return r.row
}

func (r placedRow) key(e entry) datapath.VerdictKey {
	return datapath.VerdictKey{Profile: r.profile.id, Group: r.group.id, Protocol: uint8(e.protocol), Port: e.port}
}

func (r placedRow) rangeKey(b block) datapath.RangeKey {
	return datapath.RangeKey{Profile: r.profile.id, Group: r.group.id, Protocol: uint8(b.protocol), Port: b.port, Bits: b.bits}
}

// change is the step as the datapath takes it.
func (c *Compiler) change(s *step) datapath.Change {
	change := datapath.Change{
		PutInterfaces:   s.interfaces,
		DeleteEndpoints: s.noEndpoints, DeleteInterfaces: s.noInterfaces, DeleteProfiles: s.noLocals,
	}
	c.changeRows(s, &change)
	changeNetworks(s, &change)
	if len(s.locals) > 0 {
		change.PutProfiles = map[datapath.ProfileIndex]datapath.Profile{}
	}
	for index, l := range s.locals {
		change.PutProfiles[index] = l.word()
	}
	if len(s.endpoints) > 0 {
		change.PutEndpoints = make(map[netip.Addr]datapath.Endpoint, len(s.endpoints))
	}
	for a, e := range s.endpoints {
		change.PutEndpoints[a] = datapath.Endpoint{Group: e.group.id, Index: e.index}
	}
	return change
}

func (c *Compiler) changeRows(s *step, change *datapath.Change) {
	if len(s.rows) > 0 {
		change.PutVerdicts, change.PutRanges = map[datapath.VerdictKey]datapath.Verdict{}, map[datapath.RangeKey]datapath.Verdict{}
	}
	for _, r := range s.rows {
		written := c.entries(r)
		for _, e := range written.entries {
			change.PutVerdicts[r.key(e)] = e.verdict
		}
		for _, b := range written.blocks {
			change.PutRanges[r.rangeKey(b)] = b.verdict
		}
	}
	for _, r := range s.noRows {
		written := c.entries(r)
		for _, e := range written.entries {
			change.DeleteVerdicts = append(change.DeleteVerdicts, r.key(e))
		}
		for _, b := range written.blocks {
			change.DeleteRanges = append(change.DeleteRanges, r.rangeKey(b))
		}
	}
}

func changeNetworks(s *step, change *datapath.Change) {
	if len(s.networks) > 0 {
		change.PutNetworks = make(map[netip.Prefix]datapath.GroupID, len(s.networks))
	}
	for prefix, g := range s.networks {
		change.PutNetworks[unmapped(prefix)] = g.id
	}
	for _, prefix := range s.noNetworks {
		change.DeleteNetworks = append(change.DeleteNetworks, unmapped(prefix))
	}
}

// install makes the step part of the committed state.
func (c *Compiler) install(s *step) {
	in := c.installed
	for _, r := range s.rows {
		r.profile.written[r.group] = r.row
		in.profiles[r.profile.id] = r.profile
		if !r.group.isReserved() {
			in.groups[r.group.id] = r.group
		}
		in.size.add(c.entries(r).size())
	}
	for prefix, g := range s.networks {
		in.putNetwork(prefix, g)
		if !g.isReserved() {
			in.groups[g.id] = g
		}
	}
	for index, l := range s.locals {
		installed := *l
		if old := in.locals[index]; old != nil {
			installed.endpoints = old.endpoints
		}
		in.locals[index] = &installed
	}
	for _, i := range s.interfaces {
		in.interfaces[i] = true
	}
	for a, e := range s.endpoints {
		in.put(a, e)
		if !e.group.isReserved() {
			in.groups[e.group.id] = e.group
		}
	}
	c.uninstall(s)
}

func (c *Compiler) uninstall(s *step) {
	in := c.installed
	for _, a := range s.noEndpoints {
		in.drop(a)
	}
	for _, i := range s.noInterfaces {
		delete(in.interfaces, i)
	}
	for _, index := range s.noLocals {
		delete(in.locals, index)
	}
	for _, prefix := range s.noNetworks {
		in.dropNetwork(prefix)
	}
	for _, r := range s.noRows {
		in.size.subtract(c.entries(r).size())
		delete(r.profile.written, r.group)
		if len(r.profile.written) == 0 {
			delete(in.profiles, r.profile.id)
		}
	}
	for id, g := range in.groups {
		if g.members == 0 && !c.hasRows(g) {
			delete(in.groups, id)
		}
	}
}

func (c *Compiler) hasRows(g *group) bool {
	for _, p := range c.installed.profiles {
		if p.written[g] != nil {
			return true
		}
	}
	return false
}
