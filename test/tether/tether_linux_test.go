package tether

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// parentEnv has the test binary be the process that starts another.
const parentEnv = "PILOTSYNC_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) == "" {
		os.Exit(m.Run())
	}
	cmd := Command(exec.Command("cat")) // for ever, since nothing closes its standard input
	_, err := cmd.StdinPipe()
	cmd.Stdout = os.Stdout
	if err == nil {
		err = cmd.Start()
	}
	fmt.Println("started:", err)
	select {}
}

func TestAProcessEndsWithTheOneThatStartedItAndWasKilled(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	// Both have it as their standard output, so it ends when both have ended.
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "started: <nil>\n" {
		t.Fatalf("the parent says %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); len(rest) != 0 || err != nil {
		t.Errorf("after that it says %q, %v", rest, err)
	}
	_ = parent.Wait() // it was killed
}
