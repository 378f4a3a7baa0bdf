package worker_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// parallelTests is how many tests run in parallel. They mostly wait: for delays that asynq
// counts in whole seconds, and for workers to stop.
const parallelTests = 8

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() == "" { // otherwise it is the number of processes
		if err := flag.Set("test.parallel", fmt.Sprint(parallelTests)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}
