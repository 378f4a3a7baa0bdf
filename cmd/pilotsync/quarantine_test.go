package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withQuarantine returns the environment of a Redis with n messages in quarantine, stored as a
// worker does.
func withQuarantine(t *testing.T, n int) vars {
	t.Helper()
	env, mini := onRedis(t)
	for i := range n {
		id := fmt.Sprint("id", i)
		line := fmt.Sprintf(`{"id":%q,"queue":"domains","list":"active","task_id":"task%d","why":"asynq can't decode it: <broken>","size":3,"raw":"AHv/"}`, id, i)
		mini.HSet("pilotsync:quarantine:{all}:kept", id, line)
		at := time.Now().Add(-3*time.Hour + time.Duration(i)*time.Millisecond)
		if _, err := mini.ZAdd("pilotsync:quarantine:{all}:order", float64(at.UnixMicro()), id); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

func TestQuarantineShowsWhatWasTakenOffTheQueues(t *testing.T) {
	t.Parallel()
	env := withQuarantine(t, 2)
	want := `ID   FOUND   QUEUE    LIST    TASK   BYTES  WHY
id1  3h ago  domains  active  task1  3      asynq can't decode it: <broken>
id0  3h ago  domains  active  task0  3      asynq can't decode it: <broken>
`
	if diff := cmp.Diff(output{exitDone, want, ""}, command(t, env, "", "quarantine"), cmp.AllowUnexported(output{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := command(t, env, "", "quarantine", "list", "-n1"); strings.Contains(got.out, "id0") || !strings.Contains(got.err, "1 of 2") {
		t.Errorf("got %+v", got)
	}
	if got := command(t, withQuarantine(t, 0), "", "quarantine"); got != (output{exitDone, "", "Nothing is in quarantine.\n"}) {
		t.Errorf("got %+v", got)
	}
}

func TestQuarantineInJSONHasExactlyItsKeys(t *testing.T) {
	t.Parallel()
	var got []map[string]any
	out := command(t, withQuarantine(t, 1), "", "quarantine", "--json")
	if err := json.Unmarshal([]byte(out.out), &got); err != nil || len(got) != 1 {
		t.Fatalf("%v: %+v", err, out)
	}
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(got[0]["at"])); err != nil || time.Since(at) < 179*time.Minute {
		t.Errorf("at is %v", got[0]["at"])
	}
	delete(got[0], "at")
	want := map[string]any{"id": "id0", "queue": "domains", "list": "active", "task_id": "task0", "why": "asynq can't decode it: <broken>", "size": 3.0, "raw": "AHv/"}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out := command(t, withQuarantine(t, 0), "", "quarantine", "--json"); out.out != "[]\n" {
		t.Errorf("without any it is %q", out.out)
	}
}

func TestQuarantineDropDeletesAllNamedMessagesOrNone(t *testing.T) {
	t.Parallel()
	env := withQuarantine(t, 3)
	got := command(t, env, "", "quarantine", "drop", "id0", "id7")
	if got.code != exitFailed || !strings.Contains(got.err, "id7: not in the quarantine") || !strings.Contains(got.err, "Nothing was deleted") {
		t.Errorf("got %+v", got)
	}
	if got := command(t, env, "", "quarantine", "drop", "id0", "id2"); got != (output{exitDone, "2 messages deleted\n", ""}) {
		t.Errorf("got %+v", got)
	}
	if got := command(t, env, "", "quarantine"); strings.Contains(got.out, "id0") || strings.Contains(got.out, "id2") || !strings.Contains(got.out, "id1") {
		t.Errorf("got %+v", got)
	}
	for _, args := range [][]string{{"quarantine", "drop"}, {"quarantine", "-n0"}} {
		if got := command(t, env, "", args...); got.code != exitUsage {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}
