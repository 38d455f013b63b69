package ebpf

import (
	"errors"
	"fmt"

	cebpf "github.com/cilium/ebpf"
)

// trie is a table of longest prefixes. It remembers its keys, because the kernel cannot be asked whether such a table has a key: a lookup finds any
// prefix that holds it.
type trie[K comparable, V any] struct {
	name string
	m    *cebpf.Map
	keys map[K]struct{}
}

func newTrie[K comparable, V any](name string, m *cebpf.Map) *trie[K, V] {
	return &trie[K, V]{name: name, m: m, keys: map[K]struct{}{}}
}

// put writes entries in their order, new ones and such as replace others.
func (t *trie[K, V]) put(keys []K, values []V) error {
	for len(keys) > 0 {
		n := min(batch, len(keys))
		if _, err := t.m.BatchUpdate(keys[:n], values[:n], nil); err != nil {
			return fmt.Errorf("write %d %s: %w", n, t.name, err)
		}
		for _, k := range keys[:n] {
			t.keys[k] = struct{}{}
		}
		keys, values = keys[n:], values[n:]
	}
	return nil
}

// delete removes one entry; one that is not there is fine.
func (t *trie[K, V]) delete(key K) error {
	if err := t.m.Delete(key); err != nil && !errors.Is(err, cebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete from %s: %w", t.name, err)
	}
	delete(t.keys, key)
	return nil
}

// fresh counts the keys that the table does not have.
func fresh[K comparable, V any, P comparable, W any](t *trie[K, V], put map[P]W, raw func(P) K) int {
	n := 0
	for p := range put {
		if _, there := t.keys[raw(p)]; !there {
			n++
		}
	}
	return n
}
