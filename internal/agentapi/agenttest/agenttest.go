// Package agenttest is an agent for tests: a server on a unix socket that speaks agentapi as the real one does, keeps attachments
// in memory and can be told to hold requests back or to refuse them. Nothing is enforced.
package agenttest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// Server is one agent. All methods are safe for concurrent use.
type Server struct {
	// Socket is the path of the unix socket.
	Socket string

	server *http.Server
	served chan struct{}

	mu          sync.Mutex
	attachments map[string]agentapi.Attachment
	status      agentapi.Status
	refusals    map[string]*agentapi.Error // by method
	holds       map[string]*Hold           // by method
	denials     []agentapi.Denial
	news        chan struct{} // closed and replaced when denials grow
}

// Start runs an agent that is ready until the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's path is 107 bytes at most: too few for tb.TempDir
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{
		Socket:      filepath.Join(dir, "agent.sock"),
		attachments: map[string]agentapi.Attachment{},
		status:      agentapi.Status{Node: "node", Ready: true},
		refusals:    map[string]*agentapi.Error{},
		holds:       map[string]*Hold{},
	}
	s.Listen(tb)
	tb.Cleanup(s.Stop)
	return s
}

// Listen starts serving, also again after Stop; attachments are kept.
func (s *Server) Listen(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("unix", s.Socket)
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agentapi.AttachmentsPath, s.list)
	mux.HandleFunc("GET "+agentapi.AttachmentsPath+"/{container}/{interface}", s.get)
	mux.HandleFunc("PUT "+agentapi.AttachmentsPath+"/{container}/{interface}", s.put)
	mux.HandleFunc("DELETE "+agentapi.AttachmentsPath+"/{container}/{interface}", s.delete)
	mux.HandleFunc("GET "+agentapi.StatusPath, s.getStatus)
	mux.HandleFunc("GET "+agentapi.DenialsPath, s.getDenials)
	s.server = &http.Server{Handler: mux}
	s.news = make(chan struct{})
	s.served = make(chan struct{})
	go func(server *http.Server, served chan struct{}) {
		defer close(served)
		server.Serve(l) // ends with ErrServerClosed
	}(s.server, s.served)
}

// Stop ends the agent as kill -9 would: connections break, the socket is gone. It may be called twice.
func (s *Server) Stop() {
	s.server.Close()
	<-s.served
}

// Client returns a client for this agent.
func (s *Server) Client() *agentapi.Client { return agentapi.NewClient(s.Socket) }

// SetStatus sets what a request for the status is answered. The count of attachments is added.
func (s *Server) SetStatus(status agentapi.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Refuse answers every later request of the method with the error; nil ends that.
func (s *Server) Refuse(method string, e *agentapi.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[method] = e
}

// Hold keeps requests from being answered.
type Hold struct {
	arrived chan struct{} // gets one value for each request that is being held
	release chan struct{}
	once    sync.Once
}

// patience is for requests that will come: none that does takes nearly as long.
const patience = time.Minute

// Wait returns when a request is being held that no earlier Wait returned for. It ends the test when none comes.
func (h *Hold) Wait(tb testing.TB) {
	tb.Helper()
	select {
	case <-h.arrived:
	case <-time.After(patience):
		tb.Fatal("the agent waits for a request that does not come")
	}
}

// Release lets the held requests, and all later ones, through. It may be called twice.
func (h *Hold) Release() { h.once.Do(func() { close(h.release) }) }

// Hold holds back every later request of the method, before it has any effect, until Release. A request whose client has
// gone meanwhile has its effect all the same.
func (s *Server) Hold(tb testing.TB, method string) *Hold {
	h := &Hold{arrived: make(chan struct{}, 1000), release: make(chan struct{})}
	tb.Cleanup(h.Release)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[method] = h
	return h
}

// Attachments returns the attachments by key.
func (s *Server) Attachments() []agentapi.Attachment {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]agentapi.Attachment, 0, len(s.attachments))
	for _, a := range s.attachments {
		list = append(list, a)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Key() < list[j].Key() })
	return list
}

// Dump prints the attachments, one a line: key, pod, addresses.
func (s *Server) Dump() string {
	var b strings.Builder
	for _, a := range s.Attachments() {
		fmt.Fprintf(&b, "%s %s/%s %v\n", a.Key(), a.Namespace, a.Pod, a.Addresses)
	}
	return b.String()
}

// Deny adds a denial to those that the agent tells of.
func (s *Server) Deny(d agentapi.Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = append(s.denials, d)
	close(s.news)
	s.news = make(chan struct{})
}

func writeError(w http.ResponseWriter, e *agentapi.Error) {
	status := map[string]int{
		"not-ready": http.StatusServiceUnavailable, "pod-unknown": http.StatusNotFound,
		"invalid": http.StatusBadRequest, "full": http.StatusInsufficientStorage,
	}[e.Code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, e)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that has gone is no concern of the server
}
