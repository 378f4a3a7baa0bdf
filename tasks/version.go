package tasks

import (
	"errors"
	"fmt"
	"strconv"
)

// A form is raised only with a change that a program of before would misread; a field
// that it may ignore raises nothing. One release begins to know the new form, and the
// next to write it: so workers of two releases that follow each other understand each
// other, in an upgrade and on the way back.
const (
	// known is the latest form that this program reads.
	known = 1
	// written is the form that it writes.
	written = 1
)

// ErrNewer is wrapped by the error about a payload or record of a later form. It
// isn't wrong: it waits for a program that knows the form, and is left as it is.
var ErrNewer = errors.New("made by a newer pilotsync")

// Version is the form of a payload or record, the field "v". It is written as
// [written], and read as any up to [known]; what was written before there were versions
// has no such field, and counts as 1.
type Version struct{}

// MarshalJSON implements [json.Marshaler].
func (Version) MarshalJSON() ([]byte, error) { return []byte(strconv.Itoa(written)), nil }

// UnmarshalJSON implements [json.Unmarshaler]. Its error is an [ErrNewer] for a later form.
func (*Version) UnmarshalJSON(b []byte) error {
	v, err := strconv.Atoi(string(b))
	switch {
	case err != nil || v < 1:
		return fmt.Errorf("v is %.60s; it takes the number of a form, from 1", b)
	case v > known:
		return fmt.Errorf("%w: v is %d; this one knows forms up to %d; update it", ErrNewer, v, known)
	}
	return nil
}
