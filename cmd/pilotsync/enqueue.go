package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

type enqueueCmd struct {
	Add    addCmd    `cmd:"" help:"Put domains on an app's list and see them through to a certificate."`
	Remove removeCmd `cmd:"" help:"Take domains off an app's list."`
}

// Help is shown under the command's own --help.
func (*enqueueCmd) Help() string {
	return `Examples:

    pilotsync enqueue add example.com shop.example.com --app=app1

    pilotsync enqueue remove old.example.com --app=app1 --wait`
}

type addCmd struct {
	changeFlags

	Attempts *int `name:"attempts" placeholder:"N" help:"Limit of verification attempts, 1 to 20; those beyond the configured delays repeat the last delay. Default: the worker's setting, also for a domain that had a limit before."`
}

type removeCmd struct{ changeFlags }

const enqueueExamples = `All names are checked first: if one is wrong, nothing is enqueued. Nor is anything if workers run and none serves the app, unless --force is given. Names that leave the list are shown first, as far as the ledger knows them. If they are more than ten, or more than a tenth of the list, it asks whether to go on; without a terminal it needs --yes. With --wait it exits with 1 if a domain ends rejected or failed, or the time is up.

Examples:

    pilotsync enqueue %[1]s example.com shop.example.com --app=app1

    pilotsync enqueue %[1]s --app=app1 --file=domains.txt --wait

    wp site list --field=domain | pilotsync enqueue %[1]s --app=app1 --file=- --json

    pilotsync enqueue %[1]s example.com --app=app1 --by=ada      # the history then says who asked

    pilotsync enqueue %[1]s example.com --app=newapp --force     # a worker will serve newapp later`

// Help is shown under the command's own --help.
func (*addCmd) Help() string { return fmt.Sprintf(enqueueExamples, "add") }

// Help is shown under the command's own --help.
func (*removeCmd) Help() string { return fmt.Sprintf(enqueueExamples, "remove") }

// Validate is called by kong after parsing.
func (c *addCmd) Validate() error {
	if c.Attempts != nil && (*c.Attempts < 1 || *c.Attempts > tasks.MaxAttempts) {
		return fmt.Errorf("--attempts is %d; it takes a whole number from 1 to %d, or leave it out for the worker's setting", *c.Attempts, tasks.MaxAttempts)
	}
	return nil
}

// Run enqueues additions.
func (c *addCmd) Run(ctx context.Context, s *streams) error {
	var like enqueue.Request
	if c.Attempts != nil {
		like.Attempts = *c.Attempts
	}
	return c.enqueue(ctx, s, like)
}

// Run enqueues removals.
func (c *removeCmd) Run(ctx context.Context, s *streams) error {
	return c.enqueue(ctx, s, enqueue.Request{Remove: true})
}

// changeFlags are the flags of both kinds of change.
type changeFlags struct {
	redisFlags
	appFlag
	operatorFlag
	yesFlag

	WWW     string        `name:"www" predictor:"www" placeholder:"WHEN" help:"Which of the domains get a www form: always, main_only or never. Default: the worker's setting."`
	SiteID  int64         `name:"site-id" placeholder:"N" help:"WordPress's id of the site, for the webhook. Default: none."`
	File    string        `short:"f" predictor:"file" placeholder:"FILE" help:"File with a domain a line, - for standard input; empty lines and lines that start with # are skipped."`
	Wait    bool          `help:"Follow each domain to its final state."`
	Timeout time.Duration `default:"1h" help:"How long to wait at most."`
	Force   bool          `name:"force" help:"Also for an app that no running worker serves."`
	JSON    bool          `name:"json" help:"Print one JSON array: receipts, or with --wait what status prints."`
	Domains []string      `arg:"" optional:"" name:"domain" help:"Domains."`
}

// receipt is what --json prints for each change without --wait.
type receipt struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	Seq    int64  `json:"seq"`
	TaskID string `json:"task_id"`
}

func (f *changeFlags) enqueue(ctx context.Context, s *streams, like enqueue.Request) error {
	reqs, renamed, err := f.requests(s.In, like)
	if err != nil {
		return err
	}
	renamed.print(s.Err)
	rdb, err := f.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	if len(reqs) > 0 {
		if err := checkServed(ctx, s, ledger.New(rdb), reqs[0].AppID, f.Force); err != nil {
			return err
		}
	}
	asking := *s
	asking.Interactive = s.Interactive && f.File != "-" // an answer would be taken from the names
	if err := f.confirmRemovals(ctx, &asking, ledger.New(rdb), reqs); err != nil {
		return err
	}
	receipts, err := enqueue.New(rdb).Enqueue(ctx, reqs...)
	switch {
	case errors.Is(err, enqueue.ErrUnavailable):
		return fmt.Errorf("%w\nTo enqueue all of them again is safe", err)
	case err != nil:
		return err
	case f.Wait:
		return f.wait(ctx, s, ledger.New(rdb), receipts)
	case f.JSON:
		var all []receipt
		for _, r := range receipts {
			all = append(all, receipt(r))
		}
		return printJSON(s.Out, all)
	case len(receipts) == 1:
		return s.printf("enqueued 1 change for app %s\n", reqs[0].AppID)
	case len(receipts) == 0:
		s.notice("enqueued 0 changes: no domain was given")
		return nil
	}
	return s.printf("enqueued %d changes for app %s\n", len(receipts), reqs[0].AppID)
}

// requests checks everything there is to check and tells all that is wrong. like has
// what the flags of both kinds of change don't say.
func (f *changeFlags) requests(in io.Reader, like enqueue.Request) ([]enqueue.Request, renamed, error) {
	var wrong []string
	var renamed renamed
	app, err := f.app()
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	www := tasks.WWW(f.WWW)
	if f.WWW != "" {
		if _, err := tasks.ParseWWW(f.WWW); err != nil {
			wrong = append(wrong, "--"+err.Error())
		}
	}
	if f.SiteID < 0 {
		wrong = append(wrong, fmt.Sprintf("--site-id is %d; it takes a number from 1", f.SiteID))
	}
	if f.Timeout <= 0 {
		wrong = append(wrong, fmt.Sprintf("--timeout is %s; it takes a duration such as 10m", f.Timeout))
	}
	if len(f.Domains) == 0 && f.File == "" {
		wrong = append(wrong, "no domain is given; name some, or a file of them with --file")
	}
	by, err := f.operator()
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	var reqs []enqueue.Request
	take := func(where, raw string) {
		domain, err := tasks.ParseDomain(raw)
		if err != nil {
			wrong = append(wrong, where+err.Error())
			return
		}
		renamed.note(raw, domain)
		req := like
		req.AppID, req.Domain, req.WWW, req.SiteID, req.By = app, domain, www, f.SiteID, by
		reqs = append(reqs, req)
	}
	for _, raw := range f.Domains {
		take("", raw)
	}
	if f.File != "" {
		if err := eachLine(f.File, in, take); err != nil {
			wrong = append(wrong, "--file: "+err.Error())
		}
	}
	if wrong != nil {
		return nil, nil, usageError{fmt.Errorf("nothing was enqueued:\n%s", strings.Join(wrong, "\n"))}
	}
	return reqs, renamed, nil
}

// eachLine hands on the names in a file, with where each stands.
func eachLine(file string, in io.Reader, take func(where, raw string)) error {
	shown := "standard input"
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		defer opened.Close()
		in, shown = opened, file
	}
	lines := bufio.NewScanner(in)
	n := 0
	for lines.Scan() {
		n++
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\uFEFF") // an editor's mark of the file's encoding
		}
		if line := strings.TrimSpace(text); line != "" && !strings.HasPrefix(line, "#") {
			take(fmt.Sprintf("line %d of %s: ", n, shown), line)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d of %s: %w", n+1, shown, err)
	}
	return nil
}
