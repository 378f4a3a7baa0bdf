package share

import "hash/maphash"

// recentKept is after how many ids recent drops those before. Each takes some 20 bytes.
const recentKept = 10_000

// recent has the last ids that were added, as hashes: recentKept at least, and twice as many at most.
type recent struct {
	seed         maphash.Seed
	last, before map[uint64]struct{}
}

func (r *recent) add(id string) {
	if r.last == nil {
		r.seed = maphash.MakeSeed()
	}
	if r.last == nil || len(r.last) == recentKept {
		r.last, r.before = map[uint64]struct{}{}, r.last
	}
	r.last[maphash.String(r.seed, id)] = struct{}{}
}

func (r *recent) has(id string) bool {
	if r.last == nil {
		return false
	}
	hash := maphash.String(r.seed, id)
	_, last := r.last[hash]
	_, before := r.before[hash]
	return last || before
}
