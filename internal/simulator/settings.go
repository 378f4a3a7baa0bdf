package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"pilotsync/internal/safefile"
)

// WorkerSettings are the variables of a worker that talks to the simulator: names and
// values, those of the account among them. caFile has the simulator's authority.
func (s *Simulator) WorkerSettings(account [][2]string, caFile string) [][2]string {
	all := append([][2]string{{"SERVERPILOT_API_URL", s.APIURL()}}, account...)
	return append(all, [][2]string{
		{"PILOTSYNC_DNS", s.DNSAddr()},
		{"PILOTSYNC_TLS_PORT", strconv.Itoa(s.TLSPort())},
		{"PILOTSYNC_TLS_ROOTS", caFile},
		{"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES", "true"},
		{"PILOTSYNC_PROXIES", ProxyName + "=" + proxyAddress.String()},
	}...)
}

var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_./:,@%+=-]+$`)

// ShellQuote makes a value one word of a POSIX shell.
func ShellQuote(value string) string {
	if shellSafe.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// WriteFile writes a file for workers: a temporary one named by pattern if path is
// empty. It leaves a file that has the content already. It returns the file's name, and a
// function that removes a temporary file. Errors name the content by title.
func WriteFile(path, title, pattern string, content []byte, mode os.FileMode) (name string, remove func() error, err error) {
	if path != "" {
		if is, err := safefile.Read(path); err != nil || !bytes.Equal(is, content) {
			if err := safefile.Write(path, content, mode); err != nil {
				return "", nil, fmt.Errorf("write %s: %w", title, err)
			}
		}
		return path, func() error { return nil }, nil
	}
	temp, err := os.CreateTemp("", pattern)
	if err != nil {
		return "", nil, fmt.Errorf("write %s: %w", title, err)
	}
	remove = func() error { return os.Remove(temp.Name()) }
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Close()); err != nil {
		return "", nil, errors.Join(fmt.Errorf("write %s: %w", title, err), remove())
	}
	return temp.Name(), remove, nil
}
