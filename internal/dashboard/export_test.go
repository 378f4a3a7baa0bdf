package dashboard

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// manyDomains is a ledger with n domains, which it finds some at a time.
type manyDomains struct {
	fakeLedger
	n       int
	largest int // limit of a query
	fails   int // the read that fails; 0 for none
	reads   int
	failure error
}

func (s *manyDomains) Find(_ context.Context, _ []ledger.App, q ledger.Query) (ledger.Page, error) {
	s.largest = max(s.largest, q.Limit)
	if s.reads++; s.reads == s.fails {
		return ledger.Page{}, s.failure
	}
	from := 0
	if q.After != nil {
		_, _ = fmt.Sscanf(q.After.Domain, "n%d.example.com", &from)
		from++
	}
	page := ledger.Page{Total: s.n}
	for i := from; i < min(from+q.Limit, s.n); i++ {
		page.Views = append(page.Views, inState(fmt.Sprintf("n%d.example.com", i), tasks.Done))
	}
	if from+q.Limit < s.n {
		page.Next = &ledger.Cursor{Position: ledger.Position{App: "app1", Domain: fmt.Sprintf("n%d.example.com", from+q.Limit-1)}}
	}
	return page, nil
}

func TestAnExportHasAllRowsAndReadsSomeAtATime(t *testing.T) {
	t.Parallel()
	s := &manyDomains{n: 2345}
	h := newPagesOver(t, &s.fakeLedger, s, fakeQueues{}, User{"bob", View})
	rec := sendRequest(h, "GET", "/domains/export?format=csv&state=done", nil)
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || len(rows) != 2346 || rows[2345][0] != "n2344.example.com" || s.largest > foundAtOnce {
		t.Errorf("%d rows, %d at a time, %v", len(rows), s.largest, err)
	}
	if got := rec.Header().Get("Content-Disposition"); got != `attachment; filename="pilotsync-domains-2026-03-01.csv"` {
		t.Errorf("Content-Disposition is %s", got)
	}
	rec = sendRequest(h, "GET", "/domains/export?format=json", nil)
	var all []exportedDomain
	if err := json.Unmarshal(rec.Body.Bytes(), &all); err != nil || len(all) != 2345 || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d objects, %v", len(all), err)
	}
	s.n = 0
	if rec := sendRequest(h, "GET", "/domains/export?format=json", nil); strings.TrimSpace(rec.Body.String()) != "[\n]" {
		t.Errorf("without a result it is %q", rec.Body)
	}
}

func TestAnExportedRowIsSafeForASpreadsheet(t *testing.T) {
	t.Parallel()
	v := inState("xn--mnchen-3ya.de", tasks.Failed)
	v.Reason, v.UpdatedAt = `=HYPERLINK("http://x","y"), <b>`, time.Date(2026, 3, 1, 1, 2, 3, 4, time.FixedZone("", 3600))
	v.Record.SiteID, v.Record.RequestedAt = 7, noon
	v.Record.Certificate = &listsync.Cert{NotAfter: noon.Add(time.Hour)}
	v.Cause.Code = tasks.CauseDNSElsewhere
	s := &fakeLedger{views: []ledger.View{v}}
	h := newPages(t, s, fakeQueues{}, User{"bob", View})
	rows, err := csv.NewReader(sendRequest(h, "GET", "/domains/export?format=csv", nil).Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if rows[0][0] != "\uFEFFdomain" {
		t.Errorf("the first column is %q; without a mark Excel misreads ü", rows[0][0])
	}
	want := []string{"xn--mnchen-3ya.de", "münchen.de", "failed", "DNS failed", "DNSElsewhere", `'=HYPERLINK("http://x","y"), <b>`, v.Remedy(), "app1", "7", "2026-03-01T12:00:00Z", "2026-03-01T00:02:03Z", "", "2026-03-01T13:00:00Z"}
	if diff := cmp.Diff(want, rows[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for cell, want := range map[string]string{"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=": "'\t=", "a=1": "a=1", "": "", "ü": "ü"} {
		if got := plainCell(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

func TestAnExportThatFailsIsNotTakenAsComplete(t *testing.T) {
	t.Parallel()
	s := &manyDomains{n: 2345, fails: 1}
	h := newPagesOver(t, &s.fakeLedger, s, fakeQueues{}, User{"bob", View})
	for err, status := range map[error]int{
		fmt.Errorf("read: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}): http.StatusServiceUnavailable,
		fmt.Errorf("read: %w", context.DeadlineExceeded):                            http.StatusServiceUnavailable,
		errors.New("a record can't be read"):                                        http.StatusInternalServerError,
	} {
		s.reads, s.failure = 0, err
		checkAnswer(t, sendRequest(h, "GET", "/domains/export?format=csv", nil), status, template.HTMLEscapeString(err.Error()))
	}
	s.reads, s.fails = 0, 4
	func() {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("the server gets %v", err)
			}
		}()
		sendRequest(h, "GET", "/domains/export?format=csv", nil)
	}()
	site := httptest.NewServer(h)
	defer site.Close()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/1.0"} { // nginx speaks 1.0, which has no end of a body
		s.reads = 0
		conn, err := net.Dial("tcp", site.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "GET /domains/export?format=csv %s\r\nHost: localhost\r\n\r\n", protocol)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			t.Errorf("with %s a cut export looks complete", protocol)
		}
		_ = conn.Close()
	}
	checkAnswer(t, sendRequest(h, "GET", "/domains/export?format=xls", nil), http.StatusBadRequest, "format is &#34;xls&#34;")
	checkAnswer(t, sendRequest(h, "GET", "/domains/export?format=csv&state=x", nil), http.StatusBadRequest, "state is &#34;x&#34;")
}

func TestAUserHasFewExportsAtATime(t *testing.T) {
	t.Parallel()
	s := &blockedFind{fakeLedger: fakeLedger{views: mixedDomains()}, entered: make(chan struct{}), leave: make(chan struct{})}
	h := newPagesOver(t, &s.fakeLedger, s, fakeQueues{}, User{"bob", View})
	ended := make(chan int, maxExportsEach)
	for range maxExportsEach {
		go func() { ended <- sendRequest(h, "GET", "/domains/export?format=csv", nil).Code }()
		<-s.entered
	}
	checkAnswer(t, sendRequest(h, "GET", "/domains/export?format=csv", nil), http.StatusTooManyRequests, "too many exports")
	close(s.leave)
	for range maxExportsEach {
		if code := <-ended; code != http.StatusOK {
			t.Errorf("an export got %d", code)
		}
	}
}

// blockedFind is a ledger whose searches wait.
type blockedFind struct {
	fakeLedger
	entered, leave chan struct{}
}

func (s *blockedFind) Find(ctx context.Context, apps []ledger.App, q ledger.Query) (ledger.Page, error) {
	s.entered <- struct{}{}
	<-s.leave
	return s.fakeLedger.Find(ctx, apps, q)
}
