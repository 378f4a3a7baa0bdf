package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ExposedKeyFiles describes the key files that every user of this machine can read: others may
// read the file and enter all directories above it. Group rights are the administrator's
// decision. In a container it reports none: pilotsync is the only user, and Docker and
// Kubernetes make secrets readable for all users.
func ExposedKeyFiles(keyFiles []string, lookupEnv func(string) (string, bool)) []string {
	if isOnlyUser(lookupEnv) {
		return nil
	}
	var all []string
	for _, path := range slices.Compact(slices.Sorted(slices.Values(keyFiles))) {
		if mode, exposed := isExposed(path); exposed {
			all = append(all, fmt.Sprintf("every user of this machine can read %s, which holds a key or password (its mode is %04o)", path, mode))
		}
	}
	return all
}

// ExposedRemedy is the remedy for an exposed key file.
const ExposedRemedy = "Make it readable for pilotsync's user only: chmod 600, and chown to that user. Renew the key if others have accounts here."

// isExposed reports whether a user who is neither the owner nor in the group can read a file.
// The modes of the file and of the directories above it decide.
func isExposed(path string) (mode os.FileMode, exposed bool) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return 0, false // the check of the settings reports that
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

// isOnlyUser reports whether there is no other user. Then pilotsync is process 1 of a
// container, Kubernetes started it, or the image has no users at all.
func isOnlyUser(lookupEnv func(string) (string, bool)) bool {
	if lookupEnv != nil {
		if _, kubernetes := lookupEnv("KUBERNETES_SERVICE_HOST"); kubernetes {
			return true
		}
	}
	_, err := os.Stat("/etc/passwd")
	return os.Getpid() == 1 || errors.Is(err, fs.ErrNotExist)
}
