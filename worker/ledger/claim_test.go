package ledger

import (
	"context"
	"testing"

	"pilotsync/worker/listsync"
)

func TestClaimedNamesStayClaimedUntilACommit(t *testing.T) {
	t.Parallel()
	begin := func(claim ...string) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			return outcome("begun", l.BeginWrite(ctx, mine, listsync.WriteIntent{Claim: claim}))
		}
	}
	after := func(claim string) state {
		return state{"sync": leased(hash{"until": "+30s", "landing": "+30s", "claim": claim})}
	}
	earlier := state{"sync": leased(hash{"claim": `["a.example.com","b.example.com"]`})}
	runScripts(t, []script{
		{name: "a write that claims other names adds them", before: earlier, do: begin("b.example.com", "c.example.com"), want: "begun",
			after: after(`["a.example.com","b.example.com","c.example.com"]`)},
		{name: "a write that claims nothing leaves them", before: earlier, do: begin(), want: "begun",
			after: after(`["a.example.com","b.example.com"]`)},
		{name: "without claims there are still none", before: state{"sync": leased(hash{"claim": `[]`})}, do: begin(), want: "begun", after: after(`[]`)},
	})
}
