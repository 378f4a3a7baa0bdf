package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/sirupsen/logrus"
)

// exposed describes the key files that every user of this machine can read: the file is
// readable for others, and so are all folders above it for passing through. Group rights
// are a decision of the administrator's. In a container pilotsync is the only user, and
// Docker and Kubernetes hand out secrets that are readable for all in there.
func (s *streams) exposed(keyFiles []string) []string {
	if s.isAlone() {
		return nil
	}
	var all []string
	for _, path := range slices.Compact(slices.Sorted(slices.Values(keyFiles))) {
		if mode, open := openToAll(path); open {
			all = append(all, fmt.Sprintf("every user of this machine can read %s, which holds a key or password (its mode is %04o)", path, mode))
		}
	}
	return all
}

const exposedRemedy = "Make it readable for pilotsync's user only: chmod 600, and chown to that user. Renew the key if others have accounts here."

func (s *streams) warnOfExposed(log *logrus.Logger, keyFiles []string) {
	for _, what := range s.exposed(keyFiles) {
		log.Warn(what + ". " + exposedRemedy)
	}
}

// openToAll reports whether a user who is neither the owner nor in the group can read a
// file, by its mode and that of each folder on the way to it.
func openToAll(path string) (mode os.FileMode, open bool) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return 0, false // the settings' check says so
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o004 == 0 {
		return 0, false
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		above, err := os.Stat(folder)
		if err != nil || above.Mode().Perm()&0o001 == 0 {
			return 0, false
		}
		if folder == filepath.Dir(folder) {
			return info.Mode().Perm(), true
		}
	}
}

// isAlone reports whether there is no other user: pilotsync is process 1 of a
// container, Kubernetes started it, or the image has no users at all.
func (s *streams) isAlone() bool {
	if s.LookupEnv != nil {
		if _, kubernetes := s.LookupEnv("KUBERNETES_SERVICE_HOST"); kubernetes {
			return true
		}
	}
	_, err := os.Stat("/etc/passwd")
	return os.Getpid() == 1 || errors.Is(err, fs.ErrNotExist)
}
