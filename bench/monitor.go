package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// command is a command sent to Redis, or called by a script.
type command struct {
	script bool     // called by a script
	args   []string // the command's name, in lower case, and what follows
	calls  []string // the names of the commands that it called, if it runs a script
}

// monitor records the commands sent to Redis, with MONITOR, until the returned function is called.
// That returns the commands.
func (f *fixture) monitor(ctx context.Context) (stop func() ([]command, error), err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.redis.Addr)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis for MONITOR: %w", err)
	}
	lines := bufio.NewReaderSize(conn, 1<<20)
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		return nil, fmt.Errorf("send MONITOR: %w", err)
	}
	if answer, err := lines.ReadString('\n'); err != nil || answer != "+OK\r\n" {
		return nil, fmt.Errorf("the answer to MONITOR is %q: %v", answer, err)
	}
	var seen []command
	var failed error
	var running sync.WaitGroup
	const mark = "pilotsync-bench-end"
	running.Go(func() {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				failed = fmt.Errorf("read MONITOR's lines: %w", err)
				return
			}
			c := parseMonitor(line)
			if len(c.args) == 2 && c.args[1] == mark {
				return
			}
			seen = append(seen, c)
		}
	})
	return func() ([]command, error) {
		// The mark follows all earlier commands.
		if err := f.rdb.Echo(ctx, mark).Err(); err != nil {
			_ = conn.Close() // ends the reader
			running.Wait()
			return nil, fmt.Errorf("end MONITOR: %w", err)
		}
		running.Wait()
		_ = conn.Close()
		return seen, failed
	}, nil
}

// parseMonitor reads a line such as
//
//	+1339518083.107412 [0 127.0.0.1:60866] "evalsha" "9f…" "1" "key"
//
// where a script's calls have "lua" in place of the address. Escaped bytes in an
// argument stay as MONITOR writes them.
func parseMonitor(line string) command {
	_, rest, _ := strings.Cut(line, " [")
	from, rest, _ := strings.Cut(rest, "] ")
	c := command{script: strings.HasSuffix(from, " lua")}
	var arg strings.Builder
	inside := false
	for i := 0; i < len(rest); i++ {
		switch b := rest[i]; {
		case !inside && b == '"':
			inside = true
		case inside && b == '\\' && i+1 < len(rest):
			arg.WriteByte(b)
			i++
			arg.WriteByte(rest[i])
		case inside && b == '"':
			inside = false
			c.args = append(c.args, arg.String())
			arg.Reset()
		case inside:
			arg.WriteByte(b)
		}
	}
	if len(c.args) > 0 {
		c.args[0] = strings.ToLower(c.args[0])
	}
	return c
}
