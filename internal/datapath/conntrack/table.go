package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Names of our table and its only chain, family inet.
const (
	tableName = "hedgerow"
	chainName = "keep"
)

// Flags and attributes of include/uapi/linux/netfilter/nf_tables.h. A table with an owner can be changed only through the owner's
// socket (Linux 5.12); a persistent one outlives it (Linux 6.9).
const (
	flagOwner   = 2
	flagPersist = 4
	attrOwner   = 7
)

// table is the handle on our table in one network namespace. Its socket owns the table where the kernel can do that.
type table struct {
	ns    netns.NsHandle
	plain bool // do not ask for ownership: not wanted, or the kernel cannot
	owned bool // as of the last ensure
	sock  *socket
}

// state is what the kernel has under our table's name.
type state struct {
	exists, rule bool
	flags, owner uint32
}

// ensure makes sure that the table is there and complete, and reports whether it had to be made or repaired.
func (t *table) ensure() (made bool, err error) {
	if t.sock == nil {
		if t.sock, err = dial(t.ns); err != nil {
			return false, err
		}
	}
	s, err := t.inspect()
	if err != nil {
		t.close()
		return false, err
	}
	t.owned = s.owner == t.sock.port && s.owner != 0
	if s.rule && (t.plain || t.owned) {
		return false, nil
	}
	err = t.create(s)
	switch {
	case err == nil:
		return !s.rule, nil
	case s.rule && errors.Is(err, unix.EPERM):
		// Another process still owns a complete table: tracking is on.
		return false, nil
	}
	// The socket may hold answers that nobody waits for any more.
	t.close()
	return false, fmt.Errorf("create nft table %s: %w", tableName, err)
}

// create makes the table anew in one transaction: owned if wanted and possible, else plain. Tracking is never off in between, because
// the new rule asks for it before the old one is given up.
func (t *table) create(old state) error {
	if !t.plain {
		err := t.sock.transact(t.messages(old, flagOwner|flagPersist)...)
		if err == nil {
			t.owned = true
		}
		if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
			return err
		}
		t.plain = true
		if old.rule {
			return nil
		}
	}
	return t.sock.transact(t.messages(old, 0)...)
}

// messages replace whatever is there by the whole table.
func (t *table) messages(old state, flags uint32) []netlink.Message {
	var m []netlink.Message
	if old.exists {
		m = append(m, message(unix.NFT_MSG_DELTABLE, 0, text(unix.NFTA_TABLE_NAME, tableName)))
	}
	return append(m,
		message(unix.NFT_MSG_NEWTABLE, netlink.Create, text(unix.NFTA_TABLE_NAME, tableName), number(unix.NFTA_TABLE_FLAGS, flags)),
		message(unix.NFT_MSG_NEWCHAIN, netlink.Create, text(unix.NFTA_CHAIN_TABLE, tableName), text(unix.NFTA_CHAIN_NAME, chainName)),
		message(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, text(unix.NFTA_RULE_TABLE, tableName),
			text(unix.NFTA_RULE_CHAIN, chainName), netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: rule()}),
	)
}

// remove deletes the table if it is there.
func (t *table) remove() error {
	var err error
	if t.sock, err = dial(t.ns); err != nil {
		return err
	}
	s, err := t.inspect()
	if err != nil || !s.exists {
		return err
	}
	if err := t.sock.transact(message(unix.NFT_MSG_DELTABLE, 0, text(unix.NFTA_TABLE_NAME, tableName))); errors.Is(err, unix.EPERM) {
		return errBusy
	} else if err != nil {
		return err
	}
	return nil
}

func (t *table) close() {
	if t.sock != nil {
		t.sock.close()
		t.sock = nil
	}
}

// inspect asks what the kernel has.
func (t *table) inspect() (state, error) {
	var s state
	replies, err := t.sock.ask(message(unix.NFT_MSG_GETTABLE, 0, text(unix.NFTA_TABLE_NAME, tableName)))
	if errors.Is(err, unix.ENOENT) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("look for nft table %s: %w", tableName, err)
	}
	s.exists = true
	for _, a := range attributes(replies) {
		switch a.Type {
		case unix.NFTA_TABLE_FLAGS:
			s.flags = binary.BigEndian.Uint32(a.Data)
		case attrOwner:
			s.owner = binary.BigEndian.Uint32(a.Data)
		}
	}
	rules, err := t.sock.ask(message(unix.NFT_MSG_GETRULE, netlink.Dump, text(unix.NFTA_RULE_TABLE, tableName), text(unix.NFTA_RULE_CHAIN, chainName)))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return s, fmt.Errorf("look for the rule in nft table %s: %w", tableName, err)
	}
	s.rule = hasState(rules)
	return s, nil
}

// hasState reports whether one of the rules has a ct expression.
func hasState(rules []netlink.Message) bool {
	for _, a := range attributes(rules) {
		if a.Type&^unix.NLA_F_NESTED != unix.NFTA_RULE_EXPRESSIONS {
			continue
		}
		elements, _ := netlink.UnmarshalAttributes(a.Data)
		for _, e := range elements {
			fields, _ := netlink.UnmarshalAttributes(e.Data)
			for _, f := range fields {
				if f.Type == unix.NFTA_EXPR_NAME && string(f.Data) == "ct\x00" {
					return true
				}
			}
		}
	}
	return false
}

// rule is "ct state new" in the kernel's terms.
func rule() []byte {
	const newState = 1 << 3 // NF_CT_STATE_BIT(IP_CT_NEW)
	mask := binary.NativeEndian.AppendUint32(nil, newState)
	zero := make([]byte, 4)
	var list []byte
	for _, e := range []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: zero},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: zero},
	} {
		// Marshalling constants does not fail; a broken rule would be refused by the kernel.
		b, _ := expr.Marshal(unix.NFPROTO_INET, e)
		element, _ := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: b}})
		list = append(list, element...)
	}
	return list
}
