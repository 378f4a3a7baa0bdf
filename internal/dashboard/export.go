package dashboard

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// maxExports is how many exports there are at a time, maxExportsEach how many of one user.
	maxExports, maxExportsEach = 8, 4
	// exportRetry is when a refused client may try again.
	exportRetry = 5 * time.Second
)

// exportedDomain is a row of an export. Times are in UTC.
type exportedDomain struct {
	Domain    string     `json:"domain"`  // in canonical form
	Unicode   string     `json:"unicode"` // as people write it
	State     string     `json:"state"`
	StateName string     `json:"state_name"` // as people read it
	Cause     string     `json:"cause"`      // its code
	Reason    string     `json:"reason"`
	Remedy    string     `json:"remedy"`
	App       string     `json:"app"`
	SiteID    int64      `json:"site_id"` // 0 for none
	Requested *time.Time `json:"requested_at"`
	Changed   *time.Time `json:"changed_at"`
	NextCheck *time.Time `json:"next_check_at"`
	Expires   *time.Time `json:"certificate_expires_at"`
}

func exportOf(v ledger.View) exportedDomain {
	d := exportedDomain{Domain: v.Domain, Unicode: v.Domain, State: string(v.State), StateName: v.State.Name(), Cause: string(v.Cause.Code), Reason: v.Reason, Remedy: v.Remedy(), App: v.AppID,
		SiteID: v.Record.SiteID, Requested: inUTC(&v.Record.RequestedAt), Changed: inUTC(&v.UpdatedAt), NextCheck: inUTC(v.NextCheck())}
	if name := tasks.UnicodeName(v.Domain); name != "" {
		d.Unicode = name
	}
	if v.Pending != nil {
		d.SiteID, d.Requested = v.Pending.SiteID, inUTC(&v.Pending.RequestedAt)
	}
	if v.Record.Certificate != nil {
		d.Expires = inUTC(&v.Record.Certificate.NotAfter)
	}
	return d
}

// inUTC returns a time in UTC to the second; nil for none.
func inUTC(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	utc := t.UTC().Truncate(time.Second)
	return &utc
}

// rowWriter writes rows in one format.
type rowWriter interface {
	begin() error
	row(exportedDomain) error
	end() error
}

// csvRows writes CSV as RFC 4180 has it, with a line of names first. Before it is a byte-order
// mark, since Excel takes CSV without one for text in another encoding.
type csvRows struct{ out *csv.Writer }

func (c csvRows) begin() error {
	return c.out.Write([]string{"\uFEFFdomain", "unicode", "state", "state_name", "cause", "reason", "remedy", "app", "site_id", "requested_at", "changed_at", "next_check_at", "certificate_expires_at"})
}

func (c csvRows) row(d exportedDomain) error {
	site := ""
	if d.SiteID != 0 {
		site = strconv.FormatInt(d.SiteID, 10)
	}
	cells := []string{d.Domain, d.Unicode, d.State, d.StateName, d.Cause, d.Reason, d.Remedy, d.App, site, csvTime(d.Requested), csvTime(d.Changed), csvTime(d.NextCheck), csvTime(d.Expires)}
	for i, cell := range cells {
		cells[i] = plainCell(cell)
	}
	return c.out.Write(cells)
}

func (c csvRows) end() error {
	c.out.Flush()
	return c.out.Error()
}

func csvTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

// plainCell keeps a spreadsheet from taking a text as a formula, by an apostrophe before it.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// jsonRows writes an array with an object for each domain, one per line.
type jsonRows struct {
	out *bufio.Writer
	any *bool
}

func (j jsonRows) begin() error { _, err := j.out.WriteString("["); return err }

func (j jsonRows) row(d exportedDomain) error {
	separator := "\n"
	if *j.any {
		separator = ",\n"
	}
	*j.any = true
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = j.out.WriteString(separator + string(b))
	return err
}

func (j jsonRows) end() error {
	_, _ = j.out.WriteString("\n]\n") // Flush returns its error
	return j.out.Flush()
}

// newRows returns the writer of a format, and its media type.
func newRows(format string, w io.Writer) (rows rowWriter, mediaType string, err error) {
	switch format {
	case "csv":
		return csvRows{csv.NewWriter(w)}, "text/csv; charset=utf-8", nil
	case "json":
		return jsonRows{bufio.NewWriter(w), new(bool)}, "application/json", nil
	}
	return nil, "", fmt.Errorf("%w: format is %q; it takes csv or json", errBadQuery, format)
}

// export sends all results of a search as a file. It holds foundAtOnce domains in memory. If it
// fails after its beginning, it aborts the connection, so that no client takes it as complete.
func (p *pageServer) export(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	rows, mediaType, err := newRows(values.Get("format"), w)
	if err != nil {
		p.showError(w, r, err)
		return
	}
	release, refusal := p.exports.Try(userOf(r.Context()).Name)
	if refusal != 0 {
		refuse(w, refusal, exportRetry, fmt.Sprintf("There are too many exports: %d at a time for a user, %d in all.\n", maxExportsEach, maxExports))
		return
	}
	defer release()
	values.Del("format")
	control, started := http.NewResponseController(w), false
	err = p.eachFound(r.Context(), values.Encode(), func(views []ledger.View) error {
		// A long export takes as long as its client reads it. Test writers have no deadlines.
		_ = control.SetReadDeadline(time.Now().Add(writeLimit))
		_ = control.SetWriteDeadline(time.Now().Add(writeLimit))
		if !started {
			started = true
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="pilotsync-domains-%s.%s"`, p.now().UTC().Format("2006-01-02"), r.URL.Query().Get("format")))
			if err := rows.begin(); err != nil {
				return err
			}
		}
		for _, v := range views {
			if err := rows.row(exportOf(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = rows.end()
	}
	switch {
	case err != nil && !started:
		p.showError(w, r, err)
	case err != nil:
		if r.Context().Err() == nil { // otherwise the client is gone
			p.log.WithError(err).Warn("an export ended early")
		}
		cut(w, r)
	}
}

// cut aborts the connection of a response that isn't complete. In HTTP/1.0, as nginx speaks to its
// servers, a closed connection is the end of a body. So there the connection is reset.
func cut(w http.ResponseWriter, r *http.Request) {
	if !r.ProtoAtLeast(1, 1) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // otherwise it is closed, at least
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
