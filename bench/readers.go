package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
	"pilotsync/test/freeport"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

const (
	// pageLimit is how many commands a page may cost, and one second of any number of viewers.
	pageLimit = 50
	// viewersAtOnce view the same dashboard.
	viewersAtOnce = 20
	// htmlLimit is the size of a page with ten thousand apps, in KiB.
	htmlLimit = 200
)

// reading is what readers cost with one number of apps.
type reading struct {
	scrape        spent
	pages         map[string]page
	alone, crowd  spent // one viewer, and viewersAtOnce
	status, state spent // of pilotsync status: of one domain, and of a state that no domain has
}

// page is what one page costs.
type page struct {
	commands int
	bytes    int // of its HTML
}

// readPaths are the pages that are read.
func readPaths() []string { return []string{"/", "/domains", "/apps/" + appID(0), "/apps"} }

// readers measures what scrapes, the dashboard and the command line read from Redis, with few and
// many apps.
func readers(ctx context.Context, b *bench) ([]row, error) {
	// Beyond 50 apps the dashboard pages them, and its filter takes an id.
	few, many := 60, b.size(500, 200)
	var small, large reading
	group, going := errgroup.WithContext(ctx)
	group.Go(func() (err error) { small, err = b.readersOf(going, few); return err })
	group.Go(func() (err error) { large, err = b.readersOf(going, many); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	apps := fmt.Sprintf(", %d apps", many)
	withFew := func(n float64, unit string) string { return fmt.Sprintf("%s%s with %d apps", figure(n), unit, few) }
	rows := []row{b.limited("one Prometheus scrape"+apps, float64(large.scrape.commands), 20, " commands", withFew(float64(small.scrape.commands), ""))}
	for _, path := range readPaths() {
		s, l := small.pages[path], large.pages[path]
		html := (float64(l.bytes) + float64(l.bytes-s.bytes)/float64(many-few)*float64(tenThousand-many)) / 1024
		title := "page " + strings.Replace(path, appID(0), "APP", 1)
		rows = append(rows, b.limited(title+apps, float64(l.commands), pageLimit, " commands", withFew(float64(s.commands), "")),
			b.limited(title+", 10,000 apps: its HTML", html, htmlLimit, " KiB", fmt.Sprintf("from %s KiB with %d apps and %s KiB with %d",
				figure(float64(s.bytes)/1024), few, figure(float64(l.bytes)/1024), many)))
	}
	changing := "each has the stream open and loads the page at each message, as its script does; one domain changes each second; "
	rows = append(rows,
		b.limited("one viewer of /"+apps, large.alone.rate(), pageLimit, " commands a second", changing+withFew(small.alone.rate(), "")),
		b.limited(fmt.Sprintf("%d viewers of /%s", viewersAtOnce, apps), large.crowd.rate(), pageLimit, " commands a second", withFew(small.crowd.rate(), "")),
		b.limited("pilotsync status DOMAIN"+apps, float64(large.status.commands), 10, " commands", withFew(float64(small.status.commands), "")),
		b.limited("pilotsync status --state failed, none"+apps, float64(large.state.commands), 10, " commands", withFew(float64(small.state.commands), "")),
		b.limited("pilotsync status --state failed, none"+apps+": read from Redis", float64(large.state.read)/1024, 4, " KiB",
			withFew(float64(small.state.read)/1024, " KiB")))
	return rows, nil
}

// readersOf measures readers of a ledger whose domains all work.
func (b *bench) readersOf(ctx context.Context, apps int) (r reading, err error) {
	f, err := b.newFixture(listedFixture(apps, domainsEach))
	if err != nil {
		return r, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps, domainsEach, idle); err != nil {
		return r, err
	}
	if err := f.ageChanges(ctx); err != nil {
		return r, err
	}
	if err := f.useProxy(0); err != nil {
		return r, err
	}
	for range 2 { // the first loads the script, as a worker would have
		if r.status, err = f.command(ctx, "status", domainOf(0, 0)); err != nil {
			return r, err
		}
	}
	if r.state, err = f.command(ctx, "status", "--state", string(tasks.Failed)); err != nil {
		return r, err
	}
	addr, err := freeport.Addr()
	if err != nil {
		return r, err
	}
	url := "http://" + addr
	if _, err := f.launch("web", "PILOTSYNC_LISTEN="+addr); err != nil {
		return r, err
	}
	err = until(ctx, "the dashboard is served", time.Minute, func() (bool, error) {
		_, err := get(ctx, url+"/")
		return err == nil, ctx.Err()
	})
	if err != nil {
		return r, err
	}
	r.pages = map[string]page{}
	for _, path := range append(readPaths(), "/metrics") {
		// The most of several, since a page may be kept for a moment. It may include a ping.
		for range 3 {
			size := 0
			used, err := f.during(func() (err error) { size, err = get(ctx, url+path); return err })
			if err != nil {
				return r, err
			}
			if path == "/metrics" && used.commands > r.scrape.commands {
				r.scrape = used
			}
			r.pages[path] = page{max(used.commands, r.pages[path].commands), size}
		}
	}
	for viewers, into := range map[int]*spent{1: &r.alone, viewersAtOnce: &r.crowd} {
		if *into, err = f.view(ctx, url, viewers, time.Duration(b.size(8, 4))*time.Second); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ageChanges makes the ledger's changes so old that readers rely on summaries, and keeps these, as
// an earlier scrape does.
func (f *fixture) ageChanges(ctx context.Context) error {
	const changed = "pilotsync:{agenda}:changed"
	marks, err := f.rdb.ZRange(ctx, changed, 0, -1).Result()
	if err != nil {
		return fmt.Errorf("read which apps have changed: %w", err)
	}
	_, err = f.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, app := range marks {
			p.ZIncrBy(ctx, changed, float64(-time.Hour.Milliseconds()), app)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make the changes older: %w", err)
	}
	f.ledger = ledger.New(f.rdb) // one that doesn't rely on its earlier marks
	if _, err = f.ledger.AppStates(ctx); err != nil {
		return err
	}
	return f.ledger.CompleteNames(ctx, nil, time.Now()) // as a worker's first turn does
}

// command runs a command of the program to its end, and returns what it used.
func (f *fixture) command(ctx context.Context, args ...string) (spent, error) {
	return f.during(func() error {
		if out, err := f.run(ctx, nil, args...); err != nil {
			return fmt.Errorf("run pilotsync %s: %w\n%.2000s", strings.Join(args, " "), err, out)
		}
		return nil
	})
}

// get loads a page, and returns its size.
func get(ctx context.Context, url string) (size int, err error) {
	resp, err := open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

// open requests a page, whose body the caller must close.
func open(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("ask for %s: the answer is %s", url, resp.Status)
	}
	return resp, nil
}

// view has viewers keep the overview open while a domain changes each second, and returns what
// the dashboard uses. It measures from the moment when all streams are open.
func (f *fixture) view(ctx context.Context, url string, viewers int, period time.Duration) (used spent, err error) {
	viewing, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() { end(); running.Wait() }()
	failed := make(chan error, viewers)
	for range viewers {
		stream, err := open(viewing, url+"/live")
		if err != nil {
			return used, err
		}
		running.Go(func() {
			if err := follow(viewing, stream, url+"/"); err != nil && viewing.Err() == nil {
				failed <- err
			}
		})
	}
	return f.during(func() error {
		for until := time.Now().Add(period); time.Now().Before(until); {
			now := time.Now().UTC()
			change := listsync.Pending{Change: tasks.Change{AppID: appID(0), Domain: "new.example.com", Seq: now.UnixMicro(), RequestedAt: now}, RecordedAt: now}
			if _, err := f.ledger.Record(ctx, change, listsync.HistoryEntry{At: now, State: tasks.Pending, Reason: "asked by a producer"}); err != nil {
				return err
			}
			select {
			case err := <-failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		}
		return nil
	})
}

// follow reads a stream of the dashboard to its end, and loads the page at its messages, at most once
// a second, as static/app.js does.
func follow(ctx context.Context, stream *http.Response, url string) error {
	defer stream.Body.Close()
	message := make(chan struct{}, 1)
	message <- struct{}{} // an open stream loads the page, too
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-message:
			}
			began := time.Now()
			if _, err := get(ctx, url); err != nil {
				return err
			}
			if err := sleep(ctx, time.Second-time.Since(began)); err != nil {
				return nil
			}
		}
	})
	group.Go(func() error {
		lines := bufio.NewScanner(stream.Body)
		lines.Buffer(nil, 1<<20) // the first message names all apps
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				select {
				case message <- struct{}{}:
				default: // it waits already
				}
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
		return io.ErrUnexpectedEOF
	})
	return group.Wait()
}
