package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestComposeInARealEngine(t *testing.T) {
	e := newEngine(t)
	compose, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	e.baseImages(string(compose))
	for _, step := range []struct {
		name string
		run  func(*engine)
	}{
		{"the image", theImage},
		{"the trial", theTrial},
		{"the real thing", theRealThing},
	} {
		t.Run(step.name, func(t *testing.T) {
			e.t = t
			step.run(e)
		})
		e.t = t
	}
}
