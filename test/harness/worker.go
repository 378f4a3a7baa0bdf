package harness

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
)

// Run calls run, such as a worker's, until the test ends or stop is called. stop waits for
// its end, and the test fails if that is an error.
func Run(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// Log keeps what several goroutines write.
type Log struct {
	// Also gets everything, too, such as the output of the test; nil for nothing.
	Also io.Writer

	mu   sync.Mutex
	text bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Also != nil {
		if n, err := l.Also.Write(p); err != nil {
			return n, err
		}
	}
	return l.text.Write(p)
}

// String returns all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
