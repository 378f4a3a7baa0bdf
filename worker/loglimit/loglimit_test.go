package loglimit

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func TestAFloodOfLinesIsCut(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&text)
	log := logrus.NewEntry(logger)
	l, now := New(), time.Now()
	l.now = func() time.Time { return now }
	for range 5000 {
		l.Log(log, logrus.WarnLevel, "a", "flood")
		l.Log(log, logrus.DebugLevel, "b", "not logged, and not counted")
	}
	if n := strings.Count(text.String(), "msg=flood"); n != burst {
		t.Errorf("%d lines of 5000 were logged", n)
	}
	if n := strings.Count(text.String(), "left out"); n != 1 {
		t.Errorf("it says %d times that lines are left out", n)
	}
	l.Log(log, logrus.WarnLevel, "b", "another kind")
	now = now.Add(interval)
	l.Log(log, logrus.WarnLevel, "a", "later")
	l.Log(log, logrus.WarnLevel, "a", "last")
	for _, want := range []string{`msg="another kind"`, "msg=later left_out=4900", "msg=last\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if n := strings.Count(text.String(), "left_out="); n != 1 {
		t.Errorf("%d lines have the number of those left out", n)
	}
}
