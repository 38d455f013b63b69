package compile

import (
	"maps"

	"github.com/hedgerow-net/hedgerow/policy"
)

// podState is what is remembered of a pod object, so that an update that does not touch it costs one lookup.
type podState struct {
	pod       *policy.Pod
	namespace *namespaceState // nil: not known
	peers     []selectorID    // selectors of pods in use that match
	signature *signature
	stale     bool   // all selectors are to be matched again
	seen      uint64 // the update that saw it last
}

// namespaceState is what is remembered of a namespace.
type namespaceState struct {
	namespace *policy.Namespace
	pods      map[*podState]bool
	changed   bool // its labels have, or it has new pods, since the pods' signatures were computed
	seen      uint64
}

type podName struct{ namespace, name string }

// pods remembers the world's pods and namespaces.
type pods struct {
	byPod      map[*policy.Pod]*podState
	byName     map[podName]*podState
	namespaces map[string]*namespaceState
	uses       *uses // that the signatures were computed with
	update     uint64
	version    uint64 // changes when a pod object comes or goes
	signed     uint64 // changes when a pod's signature does
}

func newPods() *pods {
	return &pods{
		byPod:      map[*policy.Pod]*podState{},
		byName:     map[podName]*podState{},
		namespaces: map[string]*namespaceState{},
		uses:       newUses(),
	}
}

// absorb takes in the namespaces and pods of a new world and forgets those that are gone.
func (p *pods) absorb(w *World) {
	p.update++
	for _, ns := range w.Namespaces {
		p.absorbNamespace(ns)
	}
	maps.DeleteFunc(p.namespaces, func(_ string, s *namespaceState) bool { return s.seen != p.update })
	for _, pod := range w.Pods {
		p.absorbPod(pod)
	}
	if len(p.byPod) == len(w.Pods) {
		return
	}
	for pod, s := range p.byPod {
		if s.seen == p.update {
			continue
		}
		delete(p.byPod, pod)
		if s.namespace != nil {
			delete(s.namespace.pods, s)
		}
		p.version++
		if name := (podName{pod.Namespace, pod.Name}); p.byName[name] == s {
			delete(p.byName, name)
		}
	}
}

func (p *pods) absorbNamespace(ns *policy.Namespace) {
	s := p.namespaces[ns.Name]
	switch {
	case s == nil:
		s = &namespaceState{namespace: ns, pods: map[*podState]bool{}}
		p.namespaces[ns.Name] = s
	case s.namespace != ns:
		if !maps.Equal(s.namespace.Labels, ns.Labels) {
			s.changed = true
			for pod := range s.pods {
				pod.stale = true
			}
		}
		s.namespace = ns
	}
	s.seen = p.update
}

func (p *pods) absorbPod(pod *policy.Pod) {
	s := p.byPod[pod]
	if s == nil {
		s = &podState{pod: pod}
		p.version++
		p.byPod[pod] = s
		p.byName[podName{pod.Namespace, pod.Name}] = s
	}
	s.seen = p.update
	ns := p.namespaces[pod.Namespace]
	if ns == s.namespace {
		return
	}
	if s.namespace != nil {
		delete(s.namespace.pods, s)
	}
	s.namespace, s.signature, s.stale = ns, nil, true
	p.signed++
	if ns != nil {
		ns.pods[s], ns.changed = true, true
	}
}
