package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/compile"
)

// attachments are the pod interfaces of this node, kept in files so that the next agent knows them.
type attachments struct {
	dir    string
	byKey  map[string]*agentapi.Attachment
	closed map[string]string // key → why its addresses are closed
}

// loadAttachments reads what a former agent kept. Attachments whose interface is gone are forgotten.
func loadAttachments(stateDir string) (*attachments, error) {
	s := &attachments{dir: filepath.Join(stateDir, "attachments"), byKey: map[string]*agentapi.Attachment{}}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of attachments: %w", err)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read attachments: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		a, err := readAttachment(path)
		if err != nil || path != s.path(a.Key()) || !interfaceExists(a) {
			// Not written to the end by a process that was killed before it answered, or of a pod that is gone.
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("forget attachment: %w", err)
			}
			continue
		}
		s.byKey[a.Key()] = a
	}
	return s, nil
}

func readAttachment(path string) (*agentapi.Attachment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a := &agentapi.Attachment{}
	if err := json.Unmarshal(data, a); err != nil {
		return nil, fmt.Errorf("decode attachment %s: %w", path, err)
	}
	return a, validate(a)
}

func interfaceExists(a *agentapi.Attachment) bool {
	l, err := netlink.LinkByIndex(int(a.HostIndex))
	return err == nil && l.Attrs().Name == a.HostInterface
}

// put keeps an attachment; it is on disk when put returns.
func (s *attachments) put(a *agentapi.Attachment) error {
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode attachment: %w", err)
	}
	path := s.path(a.Key())
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("keep attachment: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keep attachment: %w", err)
	}
	s.byKey[a.Key()] = a
	return nil
}

// remove forgets an attachment, also one that is not there.
func (s *attachments) remove(key string) error {
	delete(s.byKey, key)
	if err := os.Remove(s.path(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget attachment: %w", err)
	}
	return nil
}

// path makes a file name of a key that a runtime chose.
func (s *attachments) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16]))
}

// interfaces lists the host-side interfaces.
func (s *attachments) interfaces() []uint32 {
	list := make([]uint32, 0, len(s.byKey))
	for _, a := range s.byKey {
		list = append(list, a.HostIndex)
	}
	return list
}

func (s *attachments) forCompiler() []compile.Attachment {
	list := make([]compile.Attachment, 0, len(s.byKey))
	for key, a := range s.byKey {
		list = append(list, compile.Attachment{
			Key: key, Interface: a.HostIndex, Addresses: a.Addresses, Namespace: a.Namespace, Pod: a.Pod, UID: a.UID,
		})
	}
	return list
}
