package tasks

import (
	"errors"
	"fmt"
	"strconv"
)

// current is the form of payloads and records that this program writes. It is raised
// only with a change that a program of before would misread; a field that it may
// ignore raises nothing.
const current = 1

// ErrNewer is wrapped by the error about a payload or record of a later form. It
// isn't wrong: it waits for a program that knows the form, and is left as it is.
var ErrNewer = errors.New("made by a newer pilotsync")

// Version is the form of a payload or record, the field "v". It is written as this
// program's, and read as any up to it; what was written before there were versions
// has no such field, and counts as 1.
type Version struct{}

// MarshalJSON implements [json.Marshaler].
func (Version) MarshalJSON() ([]byte, error) { return []byte(strconv.Itoa(current)), nil }

// UnmarshalJSON implements [json.Unmarshaler]. Its error is an [ErrNewer] for a later form.
func (*Version) UnmarshalJSON(b []byte) error {
	v, err := strconv.Atoi(string(b))
	switch {
	case err != nil || v < 1:
		return fmt.Errorf("v is %.60s; it takes the number of a form, from 1", b)
	case v > current:
		return fmt.Errorf("%w: v is %d; this one knows forms up to %d", ErrNewer, v, current)
	}
	return nil
}
