package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// ErrPayload is wrapped by every error about a payload that no retry can fix.
var ErrPayload = errors.New("bad payload")

// Decode reads and validates a payload of any of this package's types. It ignores unknown
// fields, so newer producers can work with older workers. A missing or wrong field is an
// [ErrPayload] that names the field and the rule, and quotes the value shortened to fit a
// line. A payload of a later version is an [ErrNewer].
func Decode[T Change | Sync | Verify | Event | Check](payload []byte) (T, error) {
	var p T
	if err := json.Unmarshal(payload, &p); err != nil {
		if errors.Is(err, ErrNewer) {
			return p, fmt.Errorf("read the task: %w", err)
		}
		return p, fmt.Errorf("%w: %w", ErrPayload, fieldError(payload, err))
	}
	if err := any(&p).(interface{ check() error }).check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return p, nil
}

// fieldError names the field that json.Unmarshal couldn't read, if it can be known.
func fieldError(payload []byte, err error) error {
	var typeErr *json.UnmarshalTypeError
	if errors.As(err, &typeErr) && typeErr.Field != "" {
		takes := typeErr.Type.String()
		switch typeErr.Type.Kind() {
		case reflect.String:
			takes = "a string"
		case reflect.Int, reflect.Int64:
			takes = "a whole number"
		case reflect.Slice:
			takes = "an array of strings"
		}
		return fmt.Errorf("%s is a JSON %.60s; it takes %s", typeErr.Field, typeErr.Value, takes)
	}
	// The error of a time doesn't name its field.
	var times struct {
		RequestedAt json.RawMessage `json:"requested_at"`
		DueAt       json.RawMessage `json:"due_at"`
		At          json.RawMessage `json:"at"`
		AskedAt     json.RawMessage `json:"asked_at"`
	}
	if json.Unmarshal(payload, &times) == nil {
		for field, raw := range map[string]json.RawMessage{"requested_at": times.RequestedAt, "due_at": times.DueAt, "at": times.At, "asked_at": times.AskedAt} {
			if raw != nil && json.Unmarshal(raw, new(time.Time)) != nil {
				return fmt.Errorf("%s is %.60s; it takes a time as in RFC 3339", field, raw)
			}
		}
	}
	return fmt.Errorf("not the JSON it should be: %w", err)
}

// Encode returns a payload as JSON. It panics on a time after the year 9999, which no decoded
// payload has.
func Encode[T Change | Sync | Verify | Event | Check](p T) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("tasks: payload types always encode: " + err.Error()) // only a time beyond year 9999 gets here
	}
	return b
}
