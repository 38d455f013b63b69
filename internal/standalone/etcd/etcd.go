// Package etcd runs the store of one instance inside this process: one member, on a unix socket, its log in a file. Nothing of it is on
// the network.
package etcd

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// Options say where the store is.
type Options struct {
	Dir string // the data
	// SocketDir is where the sockets go; SocketDir/etcd.sock is the one for clients.
	SocketDir string
	LogFile   string
	// Unsafe leaves out fsync: a crash of the machine loses data, a crash of the process does not.
	Unsafe bool
}

// Server is a running store.
type Server struct {
	etcd     *embed.Etcd
	endpoint string
}

// Start starts the store and returns when it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	client := url.URL{Scheme: "unix", Path: filepath.Join(o.SocketDir, "etcd.sock")}
	e, err := embed.StartEtcd(config(o, client))
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	s := &Server{etcd: e, endpoint: client.String()}
	select {
	case <-e.Server.ReadyNotify():
		return s, nil
	case err = <-e.Err():
	case <-e.Server.StopNotify():
		err = fmt.Errorf("it stopped")
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.Close()
	return nil, fmt.Errorf("start etcd: %w", err)
}

func config(o Options, client url.URL) *embed.Config {
	peer := url.URL{Scheme: "unix", Path: filepath.Join(o.SocketDir, "etcd-peer.sock")}
	c := embed.NewConfig()
	c.Name, c.Dir = "default", o.Dir
	c.ListenClientUrls, c.ListenPeerUrls = []url.URL{client}, []url.URL{peer}
	// The member list must hold a host and a port. Nobody serves or dials these.
	c.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	c.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.Logger, c.LogLevel, c.LogOutputs = "zap", "warn", []string{o.LogFile}
	// Only etcd's own command sets this; without it every request is "slow" and logged.
	c.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	c.UnsafeNoFsync = o.Unsafe
	// The only member elects itself: a short election is a fast start.
	c.TickMs, c.ElectionMs = 10, 100
	// kube-apiserver compacts the history itself; the quota is etcd's own recommended greatest.
	c.QuotaBackendBytes = 8 << 30
	return c
}

// Endpoint is what clients connect to.
func (s *Server) Endpoint() string { return s.endpoint }

// Err receives an error if the store fails while it runs.
func (s *Server) Err() <-chan error { return s.etcd.Err() }

// stopTime is how long Stop waits for clients and disk. What was acknowledged is in the log already.
const stopTime = 2 * time.Second

// Stop closes the store. Its clients should be gone; those that are not are cut off.
func (s *Server) Stop() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.etcd.Close()
	}()
	select {
	case <-done:
	case <-time.After(stopTime):
	}
}
