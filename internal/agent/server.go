package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// listen opens the socket, in place of one that a dead agent left.
func listen(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen on %s: another agent answers there: stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the agent's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect the agent's socket: %w", err)
	}
	return l, nil
}

// serve answers on the socket until ctx ends.
func (a *Agent) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the agent's socket: %w", err)
	}
	return nil
}

func (a *Agent) routes() http.Handler {
	const one = agentapi.AttachmentsPath + "/{container}/{interface}"
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+one, a.putAttachment)
	mux.HandleFunc("DELETE "+one, a.deleteAttachment)
	mux.HandleFunc("GET "+one, a.getAttachment)
	mux.HandleFunc("GET "+agentapi.AttachmentsPath, func(w http.ResponseWriter, r *http.Request) {
		list, err := a.listAttachments(r.Context())
		reply(w, list, err)
	})
	mux.HandleFunc("GET "+agentapi.StatusPath, func(w http.ResponseWriter, _ *http.Request) { reply(w, a.status.Load(), nil) })
	mux.HandleFunc("GET "+agentapi.DenialsPath, a.getDenials)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

func (a *Agent) putAttachment(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	at := &agentapi.Attachment{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(at); err != nil {
		reply(w, nil, &agentapi.Error{Code: "invalid", Message: fmt.Sprintf("decode attachment: %v", err)})
		return
	}
	at.ContainerID, at.PodInterface = r.PathValue("container"), r.PathValue("interface")
	err := validate(at)
	if err == nil {
		err = a.attach(r.Context(), at)
	}
	if err == nil {
		a.metrics.attach.Observe(time.Since(begin).Seconds())
		a.log.Info("pod attached", "pod", at.Namespace+"/"+at.Pod, "addresses", at.Addresses, "took", time.Since(begin))
	}
	reply(w, nil, err)
}

func (a *Agent) deleteAttachment(w http.ResponseWriter, r *http.Request) {
	err := a.ask(request{ctx: r.Context(), detach: keyOf(r)})
	if err == nil {
		a.log.Info("pod detached", "attachment", keyOf(r))
	}
	reply(w, nil, err)
}

func (a *Agent) getAttachment(w http.ResponseWriter, r *http.Request) {
	list, err := a.listAttachments(r.Context())
	for i := range list {
		if list[i].Key() == keyOf(r) {
			reply(w, &list[i], nil)
			return
		}
	}
	if err == nil {
		err = &agentapi.Error{Code: "pod-unknown", Message: "no such attachment"}
	}
	reply(w, nil, err)
}

func (a *Agent) listAttachments(ctx context.Context) ([]agentapi.Attachment, error) {
	answer := make(chan []agentapi.Attachment, 1)
	if err := a.ask(request{ctx: ctx, list: func(l []agentapi.Attachment) { answer <- l }}); err != nil {
		return nil, err
	}
	return <-answer, nil
}

func (a *Agent) getDenials(w http.ResponseWriter, r *http.Request) {
	encoder := json.NewEncoder(w)
	follow := r.URL.Query().Get("follow") == "true"
	kept, next, stop := a.denials.subscribe(follow)
	defer stop()
	for _, d := range kept {
		if encoder.Encode(d) != nil {
			return
		}
	}
	if !follow {
		return
	}
	flusher := http.NewResponseController(w)
	flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case d := <-next:
			if encoder.Encode(d) != nil {
				return
			}
			flusher.Flush()
		}
	}
}

func keyOf(r *http.Request) string {
	at := agentapi.Attachment{ContainerID: r.PathValue("container"), PodInterface: r.PathValue("interface")}
	return at.Key()
}

// reply writes the answer or the error.
func reply(w http.ResponseWriter, body any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		e := &agentapi.Error{Code: "internal", Message: err.Error()}
		errors.As(err, &e)
		w.WriteHeader(statusOf(e))
		body = e
	}
	if body != nil {
		// A client that has gone away misses its answer and asks again.
		_ = json.NewEncoder(w).Encode(body)
	}
}
