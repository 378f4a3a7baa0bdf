package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// These checks don't use the rules of the program under test, because the simulator would
// then share its mistakes.

// hostName matches two or more labels of letters, digits and inner hyphens; the first label
// may be an asterisk. The last label must not be all digits, see checkHostName.
var hostName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

var allDigits = regexp.MustCompile(`^[0-9]+$`)

func checkHostName(name string) error {
	last := name[strings.LastIndex(name, ".")+1:]
	if len(name) > 253 || !hostName.MatchString(name) || allDigits.MatchString(last) {
		return fmt.Errorf("%q is not a valid domain", name)
	}
	return nil
}

func checkContentType(header http.Header) error {
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("the Content-Type must be application/json")
	}
	return nil
}

// decodeFields reads a JSON object that has at least one of the allowed fields and no other
// field. Unlike encoding/json, it compares letter case.
func decodeFields(body []byte, allowed ...string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, errors.New("the body must be a JSON object")
	}
	for name := range fields {
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("unknown field %q", name)
		}
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("missing field: %s", strings.Join(allowed, " or "))
	}
	return fields, nil
}
