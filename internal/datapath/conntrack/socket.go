package conntrack

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// socket talks to nf_tables of one network namespace.
type socket struct {
	conn *netlink.Conn
	port uint32 // the kernel's name of this socket, by which it knows a table's owner
}

// patience bounds how long the kernel may take to answer.
const patience = 10 * time.Second

func dial(ns netns.NsHandle) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns)})
	if err != nil {
		return nil, fmt.Errorf("open nf_tables: %w", err)
	}
	s := &socket{conn: conn}
	if err := s.learnPort(); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// learnPort asks the kernel for the port it gave the socket.
func (s *socket) learnPort() error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("open nf_tables: %w", err)
	}
	var name unix.Sockaddr
	if cerr := raw.Control(func(fd uintptr) { name, err = unix.Getsockname(int(fd)) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("open nf_tables: %w", err)
	}
	if a, ok := name.(*unix.SockaddrNetlink); ok {
		s.port = a.Pid
	}
	return nil
}

func (s *socket) close() { s.conn.Close() }

// ask sends one request and returns its answers.
func (s *socket) ask(m netlink.Message) ([]netlink.Message, error) {
	s.conn.SetDeadline(time.Now().Add(patience))
	m.Header.Flags &^= netlink.Acknowledge
	return s.conn.Execute(m)
}

// transact sends messages that take effect together or not at all.
func (s *socket) transact(messages ...netlink.Message) error {
	s.conn.SetDeadline(time.Now().Add(patience))
	all := append([]netlink.Message{bracket(unix.NFNL_MSG_BATCH_BEGIN)}, messages...)
	if _, err := s.conn.SendMessages(append(all, bracket(unix.NFNL_MSG_BATCH_END))); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var failed error
	// Each message is answered; of a batch that fails, every message with the reason why it failed by itself.
	for answers := 0; answers < len(messages); {
		replies, err := s.conn.Receive()
		if err != nil {
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				return fmt.Errorf("wait for nf_tables: %w", err)
			}
			if failed == nil {
				failed = err
			}
			answers++
			continue
		}
		answers += len(replies)
	}
	return failed
}

// bracket begins or ends a batch.
func bracket(kind uint16) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
		Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
	}
}

// message is one request of family inet.
func message(kind uint16, flags netlink.HeaderFlags, attrs ...netlink.Attribute) netlink.Message {
	// Attributes made here are short; marshalling them does not fail.
	data, _ := netlink.MarshalAttributes(attrs)
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | netlink.Acknowledge | flags,
		},
		Data: append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, data...),
	}
}

func text(kind uint16, s string) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: append([]byte(s), 0)}
}

func number(kind uint16, n uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: binary.BigEndian.AppendUint32(nil, n)}
}

// attributes returns the attributes of all messages, one after the other.
func attributes(messages []netlink.Message) []netlink.Attribute {
	var all []netlink.Attribute
	for _, m := range messages {
		if len(m.Data) < 4 {
			continue
		}
		list, err := netlink.UnmarshalAttributes(m.Data[4:])
		if err == nil {
			all = append(all, list...)
		}
	}
	return all
}
