package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/freeport"
	"pilotsync/worker/listsync"
)

// searchCPU is what one search may take of the dashboard's process, in ms.
const searchCPU = 100

// exportCPU is what an export of 1,000 domains may take of the dashboard's process, in ms, and
// exportCommands how many of Redis's commands.
const exportCPU, exportCommands = 100, 100

// searches are what is looked for, by the path of the page.
func searches() [][2]string {
	return [][2]string{{"/", "the overview, with domains that need attention"}, {"/domains", "all domains"}, {"/domains?q=xample", "a part of all names"},
		{"/domains?q=xample&state=failed", "a part of all names, and a state"}, {"/domains?q=" + domainOf(7, 3)[2:], "a part of one name"},
		{"/domains?q=%C3%BC", "a letter of Unicode"}, {"/domains?cause=DNSElsewhere", "a cause"}, {"/domains?q=site:7", "a site"}, {"/domains?q=7", "digits"}}
}

// search measures searches among many domains, of which each tenth has its DNS elsewhere.
func search(ctx context.Context, b *bench) (rows []row, err error) {
	const each = 50
	apps := b.size(1000, 200)
	f, err := b.newFixture(listedFixture(apps, 0))
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	failing := func(app string, o *listsync.Outcome) {
		idle(app, o)
		if o.Record.Seq%10 == 0 {
			o.Record.State = tasks.Failed
			o.Record.Explain(tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: tasks.Params{Name: o.Record.Domain, Found: []string{"203.0.113.9"}}})
		}
	}
	if err := f.fill(ctx, apps, each, failing); err != nil {
		return nil, err
	}
	if err := f.ageChanges(ctx); err != nil {
		return nil, err
	}
	if err := f.useProxy(0); err != nil {
		return nil, err
	}
	addr, err := freeport.Addr()
	if err != nil {
		return nil, err
	}
	url := "http://" + addr
	if _, err := f.launch("web", "PILOTSYNC_LISTEN="+addr); err != nil {
		return nil, err
	}
	if err := until(ctx, "the dashboard is served", time.Minute, func() (bool, error) {
		_, err := get(ctx, url+"/")
		return err == nil, ctx.Err()
	}); err != nil {
		return nil, err
	}
	for _, s := range searches() {
		const rounds = 10
		size := 0
		used, err := f.during(func() (err error) {
			for range rounds {
				if size, err = get(ctx, url+s[0]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		title := fmt.Sprintf("%s, %d domains on %d apps", s[1], apps*each, apps)
		rows = append(rows, b.limited(title+": CPU of the dashboard", float64(used.cpu.Milliseconds())/rounds, searchCPU, " ms", fmt.Sprintf("%s, %d KiB of HTML", s[0], size/1024)),
			b.limited(title, used.each(rounds), pageLimit, " commands", ""))
	}
	exported, err := b.exports(ctx, f, url, apps*each)
	return append(rows, exported...), err
}

// exports measures exports of all domains, and counts their rows.
func (b *bench) exports(ctx context.Context, f *fixture, url string, domains int) (rows []row, err error) {
	for format, edges := range map[string]int{"csv": 1, "json": 2} { // lines that are no domain
		lines, size := 0, 0
		used, err := f.during(func() (err error) {
			lines, size, err = countLines(ctx, url+"/domains/export?format="+format)
			return err
		})
		if err != nil {
			return nil, err
		}
		if lines != domains+edges {
			return nil, fmt.Errorf("the export as %s has %d lines, want %d", format, lines, domains+edges)
		}
		title := fmt.Sprintf("export of %d domains as %s", domains, strings.ToUpper(format))
		thousands := float64(domains) / 1000
		rows = append(rows, b.limited(title+": CPU of the dashboard for 1,000 domains", float64(used.cpu.Milliseconds())/thousands, exportCPU, " ms", fmt.Sprintf("%d KiB, complete", size/1024)),
			b.limited(title+": for 1,000 domains", used.each(1)/thousands, exportCommands, " commands", ""))
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Title, b.Title) })
	return rows, nil
}

// countLines reads a page, and returns the number of its lines and bytes.
func countLines(ctx context.Context, url string) (lines, size int, err error) {
	resp, err := open(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	chunk := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(chunk)
		lines, size = lines+bytes.Count(chunk[:n], []byte("\n")), size+n
		if errors.Is(err, io.EOF) {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", url, err)
		}
	}
}
