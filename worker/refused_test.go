package worker_test

import (
	"fmt"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// At a low rate each of the many writes that find a refused name waits for its turn, while another
// app of the account waits, too.
func TestRefusedNamesAreFoundAtALowRate(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}}})
	cfg := f.config("app1", "app2", "app3")
	cfg.APIRate = 15
	for _, app := range []string{"app1", "app2"} {
		refused := "refused-by-" + app + ".example.com"
		f.sim.SetBehaviour(refused, simulator.Behaviour{Refused: "this domain is not allowed"})
		var all []string
		for i := range 20 {
			all = append(all, fmt.Sprintf("www.shop%d.%s.example.com", i, app))
		}
		f.add(app, append(all, refused)...)
	}
	f.add("app3", "www.shop.example.com")
	f.start(cfg)
	f.await("the refused names are found, and all others listed", func() bool {
		for _, app := range []string{"app1", "app2"} {
			if f.view(app, "refused-by-"+app+".example.com").State != tasks.Rejected || len(f.sim.List(app)) != 20 {
				return false
			}
		}
		return len(f.sim.List("app3")) == 1
	})
}
