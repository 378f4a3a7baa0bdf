package dashboard

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

// A viewer opens a task's page in asynqmon, by its URL and by a click, and finds the link to
// the domain. The test fails on every error in the browser's console, such as a violated
// policy.
func TestATaskInAsynqmonLinksToItsDomain(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t) })
	queue := asynq.NewClientFromRedisClient(site.cfg.Redis)
	for id, payload := range map[string]string{
		"change:app1:*.shop.example.com:7": `{"app_id":"app1","note":"<img src=x onerror=document.title='broken'>"}`,
		"sync:app1:3":                      `{"app_id":"app1","wake":3}`,
		"foreign:<b>":                      "\xff\x00",
	} {
		task := asynq.NewTask(tasks.TypeDomainAdd, []byte(payload))
		if _, err := queue.EnqueueContext(t.Context(), task, asynq.Queue(tasks.QueueDomains), asynq.TaskID(id)); err != nil {
			t.Fatal(err)
		}
	}
	url, _, _ := startServing(t, site.Handler())
	ctx := browsertest.New(t)
	b := tab{t, ctx}
	if err := chromedp.Do(ctx, browsertest.Login("viewer", "view-password")); err != nil {
		t.Fatal(err)
	}

	const (
		at    = "/asynqmon/queues/domains/tasks/"
		links = `Array.from(document.querySelectorAll("#pilotsync a"), a => a.getAttribute("href"))`
	)
	for _, test := range []struct {
		path, shows string // shows: a text of asynqmon itself
		want        []string
	}{
		{at + "change:app1:*.shop.example.com:7", "onerror", []string{"/", "/domains/app1/*.shop.example.com", "/apps/app1"}},
		{at + "sync:app1:3", `"wake"`, []string{"/", "/apps/app1"}},
		{at + "foreign:%3Cb%3E", "hex ff00", []string{"/"}},
		{"/asynqmon/", "domains", []string{"/"}},
	} {
		if err := chromedp.Do(ctx, chromedp.Navigate(url+test.path)); err != nil {
			t.Fatal(err)
		}
		b.awaitTrue(`document.getElementById("root").innerText.includes(` + "`" + test.shows + "`" + `)`)
		got, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](links))
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("links on %s: %v (-want +got):\n%s", test.path, err, diff)
		}
		if title, err := chromedp.Run(ctx, chromedp.Title()); err != nil || title != "Asynq - Monitoring" {
			t.Errorf("the title of %s is %q, %v", test.path, title, err)
		}
		screenshot(t, ctx, "asynqmon"+filepath.Base(test.path))
	}

	// After a click asynqmon changes the URL without loading a page.
	row := `Array.from(document.querySelectorAll("#root tr")).find(tr => tr.innerText.includes("sync:app1"))`
	if err := chromedp.Do(ctx, chromedp.Navigate(url+"/asynqmon/queues/domains?status=pending")); err != nil {
		t.Fatal(err)
	}
	b.awaitTrue(row + " !== undefined")
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](row+".click(); 0")); err != nil {
		t.Fatal(err)
	}
	b.awaitTrue(links + `.includes("/apps/app1")`)

	viewer, err := chromedp.Run(ctx, chromedp.Evaluate[any](`window.FLAG_READ_ONLY`))
	if err != nil || viewer != "true" {
		t.Errorf("a viewer's asynqmon has FLAG_READ_ONLY %v, %v", viewer, err)
	}
	if err := chromedp.Do(ctx, browsertest.Login("actor", "act-password"), chromedp.Navigate(url+"/asynqmon/")); err != nil {
		t.Fatal(err)
	}
	actor, err := chromedp.Run(ctx, chromedp.Evaluate[any](`window.FLAG_READ_ONLY`))
	if err != nil || actor != "false" {
		t.Errorf("an actor's asynqmon has FLAG_READ_ONLY %v, %v", actor, err)
	}
}
