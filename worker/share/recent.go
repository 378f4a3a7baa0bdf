package share

// recentKept is after how many ids recent drops those before. Each takes some 100 bytes.
const recentKept = 10_000

// recent has the last ids that were added: recentKept at least, and twice as many at most.
type recent struct {
	last, before map[string]struct{}
}

func (r *recent) add(id string) {
	if r.last == nil || len(r.last) == recentKept {
		r.last, r.before = map[string]struct{}{}, r.last
	}
	r.last[id] = struct{}{}
}

func (r *recent) has(id string) bool {
	_, last := r.last[id]
	_, before := r.before[id]
	return last || before
}
