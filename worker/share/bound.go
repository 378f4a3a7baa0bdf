package share

import "sync"

// Bound bounds how much of something is held at a time: in all, and for each key, such as an app's
// id. None waits for it.
type Bound struct {
	all, each int

	mu   sync.Mutex
	held int
	by   map[string]int // none is 0
}

// NewBound returns a Bound of all in all, and of each for a key.
func NewBound(all, each int) *Bound { return &Bound{all: all, each: each, by: map[string]int{}} }

// Try takes one, and returns what must be called at its end; ok is false if there is none left.
func (b *Bound) Try(key string) (leave func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held >= b.all || b.by[key] >= b.each {
		return nil, false
	}
	b.held++
	b.by[key]++
	return func() { b.leave(key) }, true
}

func (b *Bound) leave(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held--
	if b.by[key]--; b.by[key] == 0 {
		delete(b.by, key)
	}
}
