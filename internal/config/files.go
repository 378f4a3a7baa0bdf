package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"

	"pilotsync/internal/safefile"
)

// Files reads the files that the settings name, and finds those that changed later. It
// compares content, which also works for files replaced by rename, for Kubernetes' symbolic
// links, and for file systems that don't report changes.
type Files struct {
	read   map[string]string // digest of each file when the settings were read
	polled map[string]string // digest of each file at the last poll
	once   map[string][]byte // content of pipes and the like, which can be read only once
}

// NewFiles returns a reader that has read no file.
func NewFiles() *Files {
	return &Files{read: map[string]string{}, once: map[string][]byte{}}
}

// Reset forgets the files of the settings, before the settings are read again.
func (f *Files) Reset() { f.read, f.polled = map[string]string{}, nil }

// ReadFile is safefile.Read that remembers the file.
func (f *Files) ReadFile(name string) ([]byte, error) {
	if content, ok := f.once[name]; ok {
		return content, nil
	}
	content, err := safefile.Read(name)
	if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() {
		if err == nil {
			f.once[name] = content
		}
		return content, err
	}
	f.read[name] = digest(content, err)
	return content, err
}

// Changed returns the files that have changed since they were read, sorted. While one of them
// still changes between polls, it returns none: the file may be half written.
func (f *Files) Changed() []string {
	var names []string
	settled, polled := true, map[string]string{}
	for name, was := range f.read {
		is := digest(safefile.Read(name))
		polled[name] = is
		if is != was {
			names = append(names, name)
			settled = settled && is == f.polled[name]
		}
	}
	f.polled = polled
	if !settled {
		return nil
	}
	slices.Sort(names)
	return names
}

func digest(content []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}
