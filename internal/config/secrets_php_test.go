package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A secret that only one side takes would leave the webhooks unsigned, or refused.
func TestPHPTakesTheSameWebhookSecretsAsWorkers(t *testing.T) {
	t.Parallel()
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip("needs php on PATH (Debian: php-cli): ", err)
	}
	settings := someSecrets(rand.New(rand.NewPCG(3, 4)), 5000)
	var in [][]byte // as base64
	var want [][][]byte
	accepted := 0
	for _, setting := range settings {
		p := NewParser(nil)
		hook := WorkerSettings{WebhookSecret: setting}.webhook(p)
		in = append(in, []byte(setting))
		if p.Err() != nil || len(hook.Keys) == 0 {
			want = append(want, nil)
			continue
		}
		accepted++
		want = append(want, hook.Keys)
	}
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), php, "../../enqueue/php/tests/scripts/secrets.php")
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [][][]byte
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(want) {
		t.Fatalf("%d answers to %d settings, %v", len(got), len(want), err)
	}
	for i, setting := range settings {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("keys of %q (-worker +PHP):\n%s", setting, diff)
		}
	}
	if accepted < len(settings)/10 || accepted > len(settings)*9/10 {
		t.Errorf("%d of %d settings are accepted; they are too similar for this test", accepted, len(settings))
	}
}

// someSecrets makes settings of one to three secrets, right or damaged.
func someSecrets(random *rand.Rand, n int) []string {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	secret := func() string {
		key := make([]byte, 18+random.IntN(24))
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		text := base64.StdEncoding.EncodeToString(key)
		switch random.IntN(8) {
		case 0:
			text = base64.URLEncoding.EncodeToString(key)
		case 1:
			text = strings.TrimRight(text, "=")
		case 2:
			at := random.IntN(len(text) + 1)
			text = text[:at] + pick("=", "-", "\x00", "\u00a0", "é", ".", "\n", "A", "==", "\x0b") + text[at:]
		}
		return pick("whsec_", "whsec_", "whsec_", "whsec_", "WHSEC_", "", "whsec", " whsec_") + text
	}
	settings := []string{"", " ", "whsec_", "whsec_=", "whsec_===="}
	for len(settings) < n {
		setting := secret()
		for range max(0, random.IntN(4)-1) {
			setting += pick(" ", "  ", "\n", "\t", ",") + secret()
		}
		settings = append(settings, setting)
	}
	return settings
}
