package retryafter

import (
	"net/http"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":                  {"7", 7 * time.Second},
		"with spaces":              {" 7 ", 7 * time.Second},
		"zero":                     {"0", 0},
		"at most an hour":          {"86400", time.Hour},
		"too big for any number":   {"99999999999999999999999", time.Hour},
		"negative":                 {"-5", 0},
		"a date":                   {now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		"a date long ago":          {now.Add(-time.Hour).Format(http.TimeFormat), 0},
		"a date in the far future": {now.AddDate(5000, 0, 0).Format(http.TimeFormat), time.Hour},
		"missing":                  {"", 0},
		"nonsense":                 {"soon", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Parse(http.Header{"Retry-After": {tc.header}}, now); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
