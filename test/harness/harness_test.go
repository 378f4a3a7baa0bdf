package harness

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheProgramIsThatOfTheSource(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(Program(t), "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "pilotsync") {
		t.Errorf("--help: %v\n%s", err, out)
	}
}

func TestAProcessIsTerminatedKilledAndRead(t *testing.T) {
	t.Parallel()
	p := Start(t, exec.Command("sh", "-c", `trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.01; done`))
	p.AwaitWritten("hello")
	if !p.Alive() {
		t.Error("it isn't alive")
	}
	if code := p.Terminate(); code != 3 || p.Alive() || p.Written() != "hello\nbye\n" {
		t.Errorf("exit code %d, alive %v, it wrote %q", code, p.Alive(), p.Written())
	}
	if code := p.Terminate(); code != 3 {
		t.Errorf("a second time: exit code %d", code)
	}

}

func TestTheChildrenOfAProcessAreKilledWithIt(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe() // which ends once no process has it open for writing
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo started; wait")
	cmd.ExtraFiles = []*os.File{write}
	p := Start(t, cmd)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	p.AwaitWritten("started")
	p.Kill()
	if _, err := io.ReadAll(read); err != nil {
		t.Error(err)
	}
}
