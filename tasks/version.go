package tasks

import (
	"errors"
	"fmt"
	"strconv"
)

// Only a change that an earlier release would misread raises the version; a field that it
// can ignore doesn't. One release starts to read the new version, and the next release
// writes it. So workers of two consecutive releases understand each other during an
// upgrade and a rollback.
const (
	maxReadVersion = 1 // the latest version that this release reads
	writeVersion   = 1 // the version that it writes
)

// ErrNewer is wrapped by the error about a payload or record of a later version. Such a
// payload isn't wrong: it must stay unchanged until a release that knows its version
// reads it.
var ErrNewer = errors.New("made by a newer pilotsync")

// Version is the format version of a payload or record, the field "v". It is written as 1.
// A missing field also means 1, since the first payloads had none.
type Version struct{}

// MarshalJSON implements [json.Marshaler].
func (Version) MarshalJSON() ([]byte, error) { return []byte(strconv.Itoa(writeVersion)), nil }

// UnmarshalJSON implements [json.Unmarshaler]. A later version is an [ErrNewer].
func (*Version) UnmarshalJSON(b []byte) error {
	v, err := strconv.Atoi(string(b))
	switch {
	case err != nil || v < 1:
		return fmt.Errorf("v is %.60s; it takes a version number, from 1", b)
	case v > maxReadVersion:
		return fmt.Errorf("%w: v is %d; this one reads versions up to %d; update it", ErrNewer, v, maxReadVersion)
	}
	return nil
}
