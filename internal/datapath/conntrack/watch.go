package conntrack

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// watch listens to what changes in nf_tables and says so when it may concern our table.
type watch struct {
	conn    *netlink.Conn
	changed chan struct{} // holds at most one token
	done    chan struct{}
}

// watchBuffer holds the notifications of a large ruleset being replaced; when they do not fit, the kernel says so and we look.
const watchBuffer = 4 << 20

func newWatch(ns netns.NsHandle) (*watch, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns), Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return nil, fmt.Errorf("listen to nf_tables: %w", err)
	}
	// A smaller buffer costs only needless looks.
	_ = conn.SetReadBuffer(watchBuffer)
	w := &watch{conn: conn, changed: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w, nil
}

func (w *watch) close() {
	w.conn.Close()
	<-w.done
}

func (w *watch) run() {
	defer close(w.done)
	for {
		messages, err := w.conn.Receive()
		if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EBADF) {
			return
		}
		if err != nil || concerns(messages) {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// concerns reports whether one of the messages tells of something of ours that was deleted.
func concerns(messages []netlink.Message) bool {
	for _, m := range messages {
		switch uint16(m.Header.Type) & 0xff {
		case unix.NFT_MSG_DELTABLE, unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELRULE:
		default:
			continue
		}
		// The first attribute of each of them is the table's name (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE).
		for _, a := range attributes([]netlink.Message{m}) {
			if a.Type == unix.NFTA_TABLE_NAME && string(a.Data) == tableName+"\x00" {
				return true
			}
		}
	}
	return false
}
