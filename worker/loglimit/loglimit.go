// Package loglimit bounds how many lines of one kind get into a log. Whoever may enqueue tasks can
// make thousands of them fail in a second, each with a line.
package loglimit

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Limits of the lines of a kind.
const (
	burst    = 100
	interval = time.Minute
)

// Limiter passes on at most a hundred lines of each kind a minute. The first line after that says
// in its field left_out how many there were. It is safe for concurrent use.
type Limiter struct {
	now func() time.Time

	mu    sync.Mutex
	kinds map[string]*kind
}

type kind struct {
	since   time.Time
	lines   int
	leftOut int
}

// New returns a Limiter.
func New() *Limiter { return &Limiter{now: time.Now, kinds: map[string]*kind{}} }

// Log logs a line of a kind, or leaves it out. Callers have few kinds: each is kept.
func (l *Limiter) Log(log *logrus.Entry, level logrus.Level, name string, args ...any) {
	if !log.Logger.IsLevelEnabled(level) {
		return
	}
	ok, last, leftOut := l.count(name)
	if !ok {
		return
	}
	if leftOut > 0 {
		log = log.WithField("left_out", leftOut)
	}
	log.Log(level, args...)
	if last {
		log.Log(level, "further lines like this are left out for up to a minute")
	}
}

// count counts a line. It returns whether it may be logged, whether it is the last one for now, and
// how many were left out before it.
func (l *Limiter) count(name string) (ok, last bool, leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	k := l.kinds[name]
	if k == nil {
		k = &kind{since: now}
		l.kinds[name] = k
	}
	if now.Sub(k.since) >= interval {
		leftOut = k.leftOut
		*k = kind{since: now}
	}
	if k.lines == burst {
		k.leftOut++
		return false, false, 0
	}
	k.lines++
	return true, k.lines == burst, leftOut
}
