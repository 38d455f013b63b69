package compile

// ids hands out numbers from first to last, then from first again, skipping those in use: a number is not reused soon.
type ids struct {
	first, last, next uint32
}

func newIDs(first, last uint32) ids { return ids{first: first, last: last, next: first} }

// take returns the next number that is not in use, or false when all are.
func (i *ids) take(inUse func(uint32) bool) (uint32, bool) {
	for tried := uint64(0); tried <= uint64(i.last-i.first); tried++ {
		n := i.next
		if i.next++; n == i.last {
			i.next = i.first
		}
		if !inUse(n) {
			return n, true
		}
	}
	return 0, false
}
