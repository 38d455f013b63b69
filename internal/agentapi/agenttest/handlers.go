package agenttest

import (
	"encoding/json"
	"net/http"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// admit holds the request back or refuses it, as the test wants. It reports whether the request is to be served.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	hold, refusal := s.holds[r.Method], s.refusals[r.Method]
	s.mu.Unlock()
	if hold != nil {
		hold.arrived <- struct{}{}
		<-hold.release
	}
	if refusal != nil {
		writeError(w, refusal)
	}
	return refusal == nil
}

func requestKey(r *http.Request) string {
	a := agentapi.Attachment{ContainerID: r.PathValue("container"), PodInterface: r.PathValue("interface")}
	return a.Key()
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if s.admit(w, r) {
		writeJSON(w, http.StatusOK, s.Attachments())
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	s.mu.Lock()
	a, ok := s.attachments[requestKey(r)]
	s.mu.Unlock()
	if !ok {
		writeError(w, &agentapi.Error{Message: "no attachment " + requestKey(r), Code: "pod-unknown"})
		return
	}
	writeJSON(w, http.StatusOK, a)
}

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	var a agentapi.Attachment
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		writeError(w, &agentapi.Error{Message: "decode attachment: " + err.Error(), Code: "invalid"})
		return
	}
	if a.Key() != requestKey(r) {
		writeError(w, &agentapi.Error{Message: "attachment " + a.Key() + " at the path of " + requestKey(r), Code: "invalid"})
		return
	}
	if !s.admit(w, r) {
		return
	}
	s.mu.Lock()
	s.attachments[a.Key()] = a
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	s.mu.Lock()
	delete(s.attachments, requestKey(r))
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	s.mu.Lock()
	status := s.status
	status.Attachments = len(s.attachments)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, status)
}

func (s *Server) getDenials(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	enc := json.NewEncoder(w)
	for sent := 0; ; {
		s.mu.Lock()
		list, news := s.denials[sent:], s.news
		s.mu.Unlock()
		for _, d := range list {
			if err := enc.Encode(d); err != nil {
				return
			}
		}
		sent += len(list)
		http.NewResponseController(w).Flush()
		if r.URL.Query().Get("follow") != "true" {
			return
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}
