package serverpilot

import (
	"sync"
	"time"
)

// turnLimit is how long a turn lasts: long enough for a queue that hands a task out late, and for
// the calls of one task.
const turnLimit = 10 * time.Second

// line is where apps wait for the calls of one account within a process. Each has a turn, so a
// task needn't wait for its calls: it comes back when the turn of its app has come. The tasks of
// an app share its turn, since they share what is read. Urgent tasks come before the others.
//
// The zero value with a step is ready to use.
type line struct {
	step time.Duration // between two turns

	mu    sync.Mutex
	turns map[string]turn // by app
	// From then on there is no turn of an urgent task, or of another one.
	urgentEnd, end time.Time
	// waitEnd is when a caller that waits without a turn tries again.
	waitEnd time.Time
}

type turn struct {
	at     time.Time
	urgent bool
}

// wait returns how long an app has to wait for its turn; 0 if it may call now.
func (l *line) wait(app string, urgent bool, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, waits := l.turns[app]
	if waits && now.Sub(t.at) > turnLimit {
		delete(l.turns, app)
		waits = false
	}
	if waits && t.at.After(now) && (t.urgent || !urgent) {
		return t.at.Sub(now)
	}
	urgentWait := l.urgentEnd.After(now)
	switch {
	case waits && t.urgent, !urgentWait && (waits || urgent || !l.end.After(now)):
		return 0
	}
	at := latest(now, l.urgentEnd)
	if urgent {
		l.urgentEnd = at.Add(l.step)
	} else {
		at = latest(at, l.end)
		l.end = at.Add(l.step)
	}
	l.set(app, turn{at, urgent})
	return at.Sub(now)
}

// refused records that the rate limit let an app's call wait although its turn had come. All
// turns that are still to come are later by as much.
func (l *line) refused(app string, urgent bool, wait time.Duration, now time.Time) {
	l.delay(wait, now)
	l.waitAgain(app, urgent, wait, now)
}

// delay makes all turns that are still to come later.
func (l *line) delay(by time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for app, t := range l.turns {
		if t.at.After(now) {
			l.turns[app] = turn{t.at.Add(by), t.urgent}
		}
	}
	l.urgentEnd, l.end = l.urgentEnd.Add(by), l.end.Add(by)
}

// waitAgain gives an app another turn, before those that are still to come.
func (l *line) waitAgain(app string, urgent bool, wait time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(app, turn{now.Add(wait), urgent})
	if next := now.Add(wait + l.step); urgent {
		l.urgentEnd = latest(l.urgentEnd, next)
	} else {
		l.end = latest(l.end, next)
	}
}

// waits records that a caller waits without a turn.
func (l *line) waits(wait time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waitEnd = latest(l.waitEnd, now.Add(wait))
}

// limited reports whether an app or a caller has to wait.
func (l *line) limited(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return latest(latest(l.urgentEnd, l.end), l.waitEnd).After(now)
}

func (l *line) set(app string, t turn) {
	if l.turns == nil {
		l.turns = map[string]turn{}
	}
	l.turns[app] = t
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
