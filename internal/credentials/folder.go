package credentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pilotsync/internal/safefile"
)

// keptFile is in a folder that no service gets.
const keptFile = "kept/passwords.json"

// Make makes the missing passwords, keeps them in folder, and writes all files again. It
// returns how many it made.
func Make(folder string, o Options) (made int, err error) {
	if err := o.check(); err != nil {
		return 0, err
	}
	kept, err := Load(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err // never replaced by new ones: Redis and Grafana have the old ones
	}
	kept, made, err = kept.complete(o)
	if err != nil {
		return 0, err
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("encode the passwords: %w", err)
	}
	// First, so that no service has a password that wasn't kept.
	if err := write(filepath.Join(folder, keptFile), append(text, '\n'), 0o400); err != nil {
		return 0, err
	}
	for _, f := range kept.files(o) {
		mode := fs.FileMode(0o400)
		if f.open {
			mode = 0o444
		}
		if err := write(filepath.Join(folder, f.folder, f.name), []byte(f.text), mode); err != nil {
			return 0, err
		}
	}
	return made, nil
}

// Load reads what Make has kept in folder. Its error is fs.ErrNotExist if there is nothing.
func Load(folder string) (Passwords, error) {
	name := filepath.Join(folder, keptFile)
	text, err := safefile.Read(name)
	if err != nil {
		return Passwords{}, fmt.Errorf("read the kept passwords: %w", err)
	}
	var kept Passwords
	if err := json.Unmarshal(text, &kept); err != nil {
		return Passwords{}, fmt.Errorf("read the kept passwords: %s was changed or is damaged: %w", name, err)
	}
	return kept, nil
}

// write replaces a file at once, and makes its folder.
func write(name string, text []byte, mode fs.FileMode) error {
	folder := filepath.Dir(name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	if err := safefile.Write(name, text, mode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
