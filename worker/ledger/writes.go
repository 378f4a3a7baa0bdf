package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// WritesKept is how many writes of an app are kept.
const WritesKept = 50

// WriteOutcome is how a write ended.
type WriteOutcome string

const (
	WriteSucceeded WriteOutcome = "written" // ServerPilot has the list
	// WriteUnknown: the worker died, or the answer never came. The next sync reads the list.
	WriteUnknown  WriteOutcome = "unknown"
	WriteFailed   WriteOutcome = "failed" // it had no effect
	WriteInFlight WriteOutcome = "writing"
)

// Write is one write of an app's list.
type Write struct {
	N              int64        `json:"write"` // number among the app's writes, from 1; 0 for one in flight
	At             time.Time    `json:"at"`    // when it began
	Outcome        WriteOutcome `json:"outcome"`
	Added, Removed []string     `json:"-"`
	Size           int          `json:"size"` // names on the list after it
	WorkerID       string       `json:"who"`  // the worker that wrote it
	// ActionID is the id of ServerPilot's action for it, see [listsync.Written].
	ActionID string `json:"actionid,omitempty"`
}

// LastWrite is an app's last write without its names.
type LastWrite struct {
	At             time.Time
	Outcome        WriteOutcome
	Added, Removed int // names
}

// writeChanges is the JSON of a write's changes.
type writeChanges struct {
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	Size     int      `json:"size"`
	WorkerID string   `json:"who"`
	ActionID string   `json:"actionid,omitempty"`
}

// Writes returns an app's last writes, at most n, newest first. Writes that change no name
// aren't recorded.
func (l *Ledger) Writes(ctx context.Context, app string, n int) ([]Write, error) {
	var inFlight *redis.SliceCmd
	var lines *redis.StringSliceCmd
	if err := l.readTogether(ctx, func(p redis.Pipeliner) {
		inFlight, lines = p.HMGet(ctx, key(app, "shown"), "write"), p.LRange(ctx, key(app, "writes"), 0, int64(n)-1)
	}); err != nil {
		return nil, fmt.Errorf("read the writes of app %s: %w", app, err)
	}
	all := lines.Val()
	if line := inFlightLine(foundFields([]string{"write"}, inFlight.Val())["write"]); line != "" {
		all = append([]string{line}, all...)
	}
	writes := make([]Write, 0, len(all))
	for _, line := range all[:min(n, len(all))] {
		w, err := decodeWrite(line)
		if err != nil {
			return nil, fmt.Errorf("a write of app %s in the ledger: %w", app, err)
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// LastWrites returns the last write of each app that has one, by two commands an app.
func (l *Ledger) LastWrites(ctx context.Context, apps ...string) (map[string]Write, error) {
	last := make(map[string]Write, len(apps))
	for some := range slices.Chunk(apps, planPage) {
		inFlight, lines := make([]*redis.StringCmd, len(some)), make([]*redis.StringCmd, len(some))
		if err := l.pipelined(ctx, func(p redis.Pipeliner) {
			for i, app := range some {
				inFlight[i], lines[i] = p.HGet(ctx, key(app, "shown"), "write"), p.LIndex(ctx, key(app, "writes"), 0)
			}
		}); err != nil {
			return nil, fmt.Errorf("read the last writes of %d apps: %w", len(some), err)
		}
		for i, app := range some {
			line := cmp.Or(inFlightLine(inFlight[i].Val()), lines[i].Val())
			if line == "" {
				continue
			}
			w, err := decodeWrite(line)
			if err != nil {
				return nil, fmt.Errorf("the last write of app %s in the ledger: %w", app, err)
			}
			last[app] = w
		}
	}
	return last, nil
}

// inFlightLine turns an app's write in flight into the line of a write; empty if there is none.
func inFlightLine(write string) string {
	_, note, ok := strings.Cut(write, " ") // the lease's token comes first
	if !ok {
		return ""
	}
	at, changes, _ := strings.Cut(note, " ")
	return "0 " + at + " " + string(WriteInFlight) + " " + changes
}

// decodeLastWrite decodes an app's write in flight, or else the line of its last write.
func decodeLastWrite(inFlight, line string) (*LastWrite, error) {
	line = cmp.Or(inFlightLine(inFlight), line)
	if line == "" {
		return nil, nil
	}
	w, err := decodeWrite(line)
	if err != nil {
		return nil, fmt.Errorf("its last write in the ledger: %w", err)
	}
	return &LastWrite{At: w.At, Outcome: w.Outcome, Added: len(w.Added), Removed: len(w.Removed)}, nil
}

func decodeWrite(line string) (Write, error) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) != 4 {
		return Write{}, fmt.Errorf("%q isn't a line of a write", line)
	}
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return Write{}, err
	}
	us, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return Write{}, err
	}
	w, err := decodeJSON[writeChanges](parts[3])
	if err != nil {
		return Write{}, err
	}
	return Write{N: n, At: time.UnixMicro(us).UTC(), Outcome: WriteOutcome(parts[2]), Added: w.Added, Removed: w.Removed, Size: w.Size, WorkerID: w.WorkerID, ActionID: w.ActionID}, nil
}
