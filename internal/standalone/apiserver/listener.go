package apiserver

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// Merge returns one listener that accepts from all given ones, for servers that take only one. Its address is the first one's. It
// remembers its connections, so that they can be cut when the server stops.
func Merge(listeners ...net.Listener) *Merged {
	m := &Merged{
		listeners: listeners, accepted: make(chan accepted), closed: make(chan struct{}),
		open: map[*tracked]struct{}{},
	}
	for _, l := range listeners {
		go m.accept(l)
	}
	return m
}

// Merged is several listeners in one.
type Merged struct {
	listeners []net.Listener
	accepted  chan accepted
	closed    chan struct{}
	once      sync.Once // of closed
	released  atomic.Bool
	sockets   sync.Once // of closing them

	mu   sync.Mutex
	open map[*tracked]struct{}
}

var _ net.Listener = (*Merged)(nil)

type accepted struct {
	conn net.Conn
	err  error
}

func (m *Merged) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) && m.released.Load() {
			return
		}
		select {
		case m.accepted <- accepted{conn, err}:
		case <-m.closed:
			if conn != nil {
				conn.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept waits for a connection to any of the listeners.
func (m *Merged) Accept() (net.Conn, error) {
	select {
	case a := <-m.accepted:
		if a.err != nil {
			return nil, a.err
		}
		return m.track(a.conn), nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Addr is the address of the first listener.
func (m *Merged) Addr() net.Addr { return m.listeners[0].Addr() }

// Close closes all listeners, and ends Accept. Connections stay.
func (m *Merged) Close() error {
	m.once.Do(func() { close(m.closed) })
	return m.closeSockets()
}

// Release closes all listeners behind the server's back: Accept goes on waiting. A server that takes longer to stop than it is waited for would see a
// failure in the end of Accept, and panic.
func (m *Merged) Release() error {
	m.released.Store(true)
	return m.closeSockets()
}

func (m *Merged) closeSockets() error {
	var errs []error
	m.sockets.Do(func() {
		for _, l := range m.listeners {
			errs = append(errs, l.Close())
		}
	})
	return errors.Join(errs...)
}

// Cut closes every connection that was accepted and is still open.
func (m *Merged) Cut() {
	m.mu.Lock()
	conns := make([]*tracked, 0, len(m.open))
	for c := range m.open {
		conns = append(conns, c)
	}
	m.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

func (m *Merged) track(conn net.Conn) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// The stock server's listener does this; a failure only means that a dead client is noticed later.
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
	t := &tracked{Conn: conn, m: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[t] = struct{}{}
	return t
}

// tracked leaves the list of open connections when it is closed.
type tracked struct {
	net.Conn
	m *Merged
}

func (t *tracked) Close() error {
	t.m.mu.Lock()
	delete(t.m.open, t)
	t.m.mu.Unlock()
	return t.Conn.Close()
}
