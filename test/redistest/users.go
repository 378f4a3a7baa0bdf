package redistest

import (
	"fmt"
	"io"
	"net"
)

// Login is a user's name and password.
type Login struct{ User, Password string }

// Users are the logins of servers without a default user.
type Users struct {
	File         string // the users of a server, as its aclfile has them
	SentinelFile string // those of a Sentinel
	Admin        Login  // of both files, with all rights; it sets servers up
	Replica      Login  // with which a replica logs in to its master
	Sentinel     Login  // of both files; with which a Sentinel logs in to servers and other Sentinels
}

// settings are those of redis.conf, or of a Sentinel's.
func (u Users) settings(kind kind) []string {
	switch {
	case u.File == "":
		return nil
	case kind == sentinel:
		return []string{"--aclfile", u.SentinelFile}
	}
	return []string{"--aclfile", u.File, "--masteruser", u.Replica.User, "--masterauth", u.Replica.Password}
}

// sentinelLines are the lines of a Sentinel's configuration with its logins.
func (u Users) sentinelLines() []string {
	if u.File == "" {
		return nil
	}
	return []string{"sentinel auth-user main " + u.Sentinel.User, "sentinel auth-pass main " + u.Sentinel.Password,
		"sentinel sentinel-user " + u.Sentinel.User, "sentinel sentinel-pass " + u.Sentinel.Password}
}

// logIn authenticates a connection if the server needs that.
func (u Users) logIn(conn net.Conn) error {
	if u.File == "" {
		return nil
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s %s\r\n", u.Admin.User, u.Admin.Password); err != nil {
		return err
	}
	answer := make([]byte, len("+OK\r\n"))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != "+OK\r\n" {
		return fmt.Errorf("answer to AUTH: %q…", answer)
	}
	return nil
}
