package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// handoversRead is how many of the apps that wait for their handover are read by one call. After a
// loss each page and each scrape asks for them for a week.
const handoversRead = 4

// handovers keeps which apps were handed over to a ledger. An app that was stays so.
type handovers struct {
	mu     sync.Mutex
	ledger string // its identity
	handed map[string]bool
	last   string // the last app that was read in turn
}

// waiting returns those of the sorted apps that weren't handed over. It reads the apps that it
// hasn't seen, and the next of those that waited.
func (h *handovers) waiting(ctx context.Context, l *Ledger, id string, apps []string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ledger != id {
		h.ledger, h.handed, h.last = id, map[string]bool{}, ""
	}
	var read, waited []string
	for _, app := range apps {
		if handed, seen := h.handed[app]; !seen {
			read = append(read, app)
		} else if !handed {
			waited = append(waited, app)
		}
	}
	from, _ := slices.BinarySearchFunc(waited, h.last, func(app, last string) int {
		if strings.Compare(app, last) <= 0 {
			return -1
		}
		return 1
	})
	next := slices.Concat(waited[from:], waited[:from])
	next = next[:min(len(next), handoversRead)]
	for some := range slices.Chunk(append(read, next...), planPage) {
		answers := make([]*redis.StringCmd, len(some))
		if err := l.pipelined(ctx, func(p redis.Pipeliner) {
			for i, app := range some {
				answers[i] = p.Get(ctx, key(app, "handover"))
			}
		}); err != nil {
			return nil, fmt.Errorf("read which apps were handed over: %w", err)
		}
		for i, app := range some {
			h.handed[app] = answers[i].Val() == id
		}
	}
	if len(next) > 0 {
		h.last = next[len(next)-1]
	}
	var waiting []string
	for _, app := range apps {
		if !h.handed[app] {
			waiting = append(waiting, app)
		}
	}
	return waiting, nil
}
