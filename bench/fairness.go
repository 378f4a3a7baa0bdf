package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/listsync"
)

const (
	// backlogApps are the apps of an account that has much to do.
	backlogApps = 60
	// backlogSlots is a worker's number of syncs at once: fewer than the apps, as with the default
	// and a thousand apps.
	backlogSlots = 16
	// fairShare is how much longer the work of others may take beside a backlog.
	fairShare = 1.3
	// fairFloor is counted for a shorter time, which depends on when the worker polls.
	fairFloor = time.Second
)

// fairness compares the time of one app's work alone with its time beside the backlog of another
// account or endpoint. Both accounts have ServerPilot's default rate.
func fairness(ctx context.Context, b *bench) ([]row, error) {
	cases := []struct {
		title, backlog string
		run            func(b *bench, ctx context.Context, backlog bool) (time.Duration, error)
	}{
		{"account B's verification", fmt.Sprintf("%d of %d apps of account A due at once", backlogApps*domainsEach, backlogApps), (*bench).verifyBeside},
		{"account B's change at a worker's start", fmt.Sprintf("the first reconciliations of %d apps of account A", backlogApps), (*bench).startBeside},
		{"account B's change", fmt.Sprintf("changes of %d apps of account A", backlogApps), (*bench).changeBeside},
		{"app B's event", fmt.Sprintf("%d events of app A, whose endpoint takes %s for each", slowEvents, slowAnswer), (*bench).eventBeside},
	}
	rows := make([]row, len(cases))
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range cases {
		group.Go(func() error {
			var alone, beside time.Duration
			both, ctx := errgroup.WithContext(ctx)
			both.Go(func() (err error) { alone, err = c.run(b, ctx, false); return err })
			both.Go(func() (err error) { beside, err = c.run(b, ctx, true); return err })
			err := both.Wait()
			rows[i] = b.limited(c.title+", beside "+c.backlog, ratio(max(beside, fairFloor), max(alone, fairFloor)), fairShare, " × alone",
				fmt.Sprintf("%s, alone %s; less than %s counts as that", seconds(beside), seconds(alone), fairFloor))
			return err
		})
	}
	return rows, group.Wait()
}

// accountsFixture has account A with the first apps, and account B with the last one, whose id it
// returns. webhooks, if not empty, follow in the file of accounts.
func (b *bench) accountsFixture(apps int, webhooks string) (f *fixture, other string, err error) {
	listed, other := listedApps(apps+1, domainsEach), appID(apps)
	var ids []string
	for _, a := range listed[:apps] {
		ids = append(ids, a.ID)
	}
	f, err = b.newFixture(simulator.Options{Apps: listed, Accounts: []simulator.Account{
		{ClientID: "a", APIKey: "key-a", Apps: ids}, {ClientID: "b", APIKey: "key-b", Apps: []string{other}},
	}})
	if err != nil {
		return nil, "", err
	}
	file, err := os.CreateTemp(b.folder, "accounts-*.yml")
	if err == nil {
		_, err = fmt.Fprintf(file, "accounts:\n- {client_id: a, api_key: key-a, apps: [%s]}\n- {client_id: b, api_key: key-b, apps: [%s]}\n%s",
			strings.Join(ids, ", "), other, webhooks)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("write the accounts: %w", err), f.close())
	}
	f.env = append(f.env, "PILOTSYNC_CONFIG="+file.Name(), "WU_SERVER_PILOT_CLIENT_ID=", "WU_SERVER_PILOT_API_KEY=", "WU_SERVER_PILOT_APP_ID=",
		"PILOTSYNC_API_RATE=5", fmt.Sprint("PILOTSYNC_CONCURRENCY=", backlogSlots))
	return f, other, nil
}

// verifyBeside times account B's verification, from the worker's start.
func (b *bench) verifyBeside(ctx context.Context, backlog bool) (took time.Duration, err error) {
	f, app, err := b.accountsFixture(backlogApps, "")
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	if backlog {
		if err := f.fillDue(ctx, backlogApps, domainsEach); err != nil {
			return 0, err
		}
	}
	now := time.Now().UTC()
	var due tasks.Verify
	domain := domainOf(backlogApps, 0)
	err = f.record(ctx, app, false, []string{domain}, now, func(app string, o *listsync.Outcome) {
		o.Record.NextAttemptAt = &now
		due = tasks.Verify{AppID: app, Domain: domain, Seq: o.Record.CheckSeq, Attempt: 1, DueAt: now}
	})
	if err != nil {
		return 0, err
	}
	if err := f.enqueueDue(ctx, due); err != nil {
		return 0, err
	}
	if err := f.start(ctx, 1); err != nil {
		return 0, err
	}
	return timed(func() error {
		return until(ctx, "account B's domain is done", 2*time.Minute, func() (bool, error) {
			v, _, err := f.ledger.Domain(ctx, app, domain)
			return v.State == tasks.Done, err
		})
	})
}

// startBeside times account B's change, which comes two seconds after the worker's start.
func (b *bench) startBeside(ctx context.Context, backlog bool) (took time.Duration, err error) {
	f, app, err := b.accountsFixture(backlogApps, "")
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	if backlog { // the worker reconciles only apps that have a ledger
		if err := f.fill(ctx, backlogApps, domainsEach, idle); err != nil {
			return 0, err
		}
	}
	if err := f.start(ctx, 1, "PILOTSYNC_RECONCILE=repair"); err != nil {
		return 0, err
	}
	return f.oneChange(ctx, app)
}

// changeBeside times account B's change, which comes two seconds after those of account A.
func (b *bench) changeBeside(ctx context.Context, backlog bool) (took time.Duration, err error) {
	f, app, err := b.accountsFixture(backlogApps, "")
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, 1); err != nil {
		return 0, err
	}
	if backlog {
		var all []enqueue.Request
		for a := range backlogApps {
			all = append(all, enqueue.Request{AppID: appID(a), Domain: "new.example.com"})
		}
		if _, err := f.client.Enqueue(ctx, all...); err != nil {
			return 0, err
		}
	}
	return f.oneChange(ctx, app)
}

// oneChange waits two seconds, and times one change of an app until it is listed.
func (f *fixture) oneChange(ctx context.Context, app string) (time.Duration, error) {
	if err := sleep(ctx, 2*time.Second); err != nil {
		return 0, err
	}
	return timed(func() error {
		if err := f.enqueue(ctx, app, "single.example.com"); err != nil {
			return err
		}
		_, err := f.listed(ctx, app, []string{"single.example.com"}, 2*time.Minute)
		return err
	})
}

const (
	// slowEvents wait for an endpoint that takes slowAnswer for each.
	slowEvents = 150
	slowAnswer = 2 * time.Second
	// singleEvents are sent 300 ms apart. Their median counts, since a worker looks for events only
	// now and then.
	singleEvents = 5
)

// eventBeside times events of app B until they arrive.
func (b *bench) eventBeside(ctx context.Context, backlog bool) (took time.Duration, err error) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = sleep(r.Context(), slowAnswer)
	}))
	defer slow.Close()
	arrived := make(chan time.Time, singleEvents)
	fast := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- time.Now() }))
	defer fast.Close()
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	f, app, err := b.accountsFixture(1, fmt.Sprintf("webhooks:\n  %s: {url: %q, secret: %s}\n  %s: {url: %q, secret: %s}\n",
		appID(0), slow.URL, secret, appID(1), fast.URL, secret))
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	enqueuer, now := followup.New(f.rdb), time.Now().UTC()
	event := func(app string, at time.Time) tasks.Event {
		// Workers send what the ledger says. Of an app that isn't blocked it always says this.
		return tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at.Truncate(time.Microsecond)}
	}
	if backlog {
		for i := range slowEvents {
			if err := enqueuer.Event(ctx, event(appID(0), now.Add(-time.Duration(i)*time.Millisecond))); err != nil {
				return 0, err
			}
		}
	}
	if err := f.start(ctx, 1); err != nil {
		return 0, err
	}
	if err := sleep(ctx, time.Second); err != nil {
		return 0, err
	}
	var sent, all []time.Duration // since began
	began := time.Now()
	for range singleEvents {
		sent = append(sent, time.Since(began))
		if err := enqueuer.Event(ctx, event(app, time.Now().UTC())); err != nil {
			return 0, err
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return 0, err
		}
	}
	late := time.After(2 * time.Minute)
	for _, at := range sent { // asynq hands them out in their order
		select {
		case arrival := <-arrived:
			all = append(all, arrival.Sub(began)-at)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-late:
			return 0, errors.New("the events of app B haven't arrived within two minutes")
		}
	}
	return quantile(all, 0.5), nil
}
