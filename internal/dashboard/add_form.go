package dashboard

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"pilotsync/enqueue"
	"pilotsync/tasks"
)

const (
	// maxAdded is how many domains the form "Add domains" takes, and addFormLimit how large it may be
	// with its file, in bytes: so many names have 250 KiB.
	maxAdded     = maxBulk
	addFormLimit = 1 << 20
	// maxProblemsShown is how many lines that aren't domain names are shown.
	maxProblemsShown = 20
)

// addText returns the domains of a posted form: those that were typed, and those of a file. With an
// error it returns what was typed.
func addText(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, addFormLimit)
	typed, file, err := readAddForm(r)
	text := unixLines(strings.ToValidUTF8(typed, "�"))
	switch {
	case err != nil:
		return text, fmt.Errorf("%w: %w", enqueue.ErrInvalid, err)
	case !utf8.ValidString(file):
		return text, fmt.Errorf("%w: the file isn't UTF-8 text with a domain a line", enqueue.ErrInvalid)
	case file == "":
		return text, nil
	}
	file = strings.TrimPrefix(file, "\uFEFF") // an editor's mark of the file's encoding
	return strings.TrimPrefix(strings.TrimRight(text, "\n")+"\n"+unixLines(file), "\n"), nil
}

// unixLines ends the lines of a text by \n alone. Some editors end them by \r\n, and some by \r.
func unixLines(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// readAddForm reads a form part by part, so that an error of the file doesn't lose what was typed.
func readAddForm(r *http.Request) (typed, file string, err error) {
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		if err := r.ParseForm(); err != nil {
			return "", "", formError(err)
		}
		return r.PostForm.Get("domains"), "", nil
	}
	for err == nil {
		var part *multipart.Part
		if part, err = parts.NextPart(); err != nil {
			break
		}
		var content []byte
		content, err = io.ReadAll(part)
		switch part.FormName() {
		case "domains":
			typed = string(content)
		case "file":
			file = string(content)
		}
	}
	if errors.Is(err, io.EOF) {
		return typed, file, nil
	}
	return typed, file, formError(err)
}

// formError names the limit that a form breaks.
func formError(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return fmt.Errorf("the form with its file is larger than %d KiB; split the file", large.Limit>>10)
	}
	return fmt.Errorf("read the form: %w", err)
}

// domainLines are the domains of a text, each once, and what its other lines are.
type domainLines struct {
	domains  []string
	invalid  []string // at most maxProblemsShown errors
	more     int      // further errors
	repeated int      // lines whose domain another line has, perhaps written in another way
}

// parseDomains reads a text with a domain a line. Empty lines and those that begin with # are
// skipped, as in the files of 'pilotsync enqueue'.
func parseDomains(text string) (d domainLines) {
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		domain, err := tasks.ParseDomain(line)
		switch {
		case err == nil && !seen[domain]:
			seen[domain] = true
			d.domains = append(d.domains, domain)
		case err == nil:
			d.repeated++
		case len(d.invalid) < maxProblemsShown:
			d.invalid = append(d.invalid, fmt.Sprintf("line %d: %s", number, err))
		default:
			d.more++
		}
	}
	return d
}

// tooMany names the command of 'pilotsync enqueue' that takes more.
func tooMany(n int, command string) error {
	return fmt.Errorf("%w: %s domains, and the form takes %s at once; for more run 'pilotsync enqueue %s --file=FILE'",
		enqueue.ErrInvalid, formatNumber(n), formatNumber(maxAdded), command)
}
