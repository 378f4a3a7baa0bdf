package tether

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// roleEnv tells the test binary to act as the go command, or as the test that it runs.
const roleEnv = "PILOTSYNC_TETHER_ROLE"

func TestMain(m *testing.M) {
	var cmd *exec.Cmd
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "go command":
		cmd = role("test")
	case "test":
		cmd = Command(exec.Command("cat")) // it never ends, since nothing closes its standard input
	}
	_, err := cmd.StdinPipe()
	cmd.Stdout = os.Stdout
	if err == nil {
		err = cmd.Start()
	}
	fmt.Println("started:", err)
	_ = cmd.Wait() // until this process is killed
}

func role(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+name)
	return cmd
}

func TestProcessesEndWithAKilledGoCommand(t *testing.T) {
	t.Parallel()
	cmd := role("go command")
	// It is the standard output of all three, so it ends when all have ended.
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range 2 {
		if line, err := lines.ReadString('\n'); line != "started: <nil>\n" {
			t.Fatalf("a process says %q, %v", line, err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); len(rest) != 0 || err != nil {
		t.Errorf("after that they say %q, %v", rest, err)
	}
	_ = cmd.Wait() // it was killed
}
