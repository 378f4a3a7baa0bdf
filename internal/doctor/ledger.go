package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pilotsync/worker/ledger"
)

// checkLedger checks whether the ledger was lost.
func checkLedger(ctx context.Context, l *ledger.Ledger) Result {
	is, err := l.Identity(ctx)
	if err != nil {
		return redisUnreadable(CheckLedger, err)
	}
	loss, err := l.Loss(ctx)
	if err != nil {
		return redisUnreadable(CheckLedger, err)
	}
	now, err := l.Now(ctx)
	if err != nil {
		return redisUnreadable(CheckLedger, err)
	}
	return evaluateLedger(is, loss, now)
}

// lossReportTime is how long a loss is reported after all apps were handed over again.
const lossReportTime = 24 * time.Hour

func evaluateLedger(is ledger.Identity, loss ledger.Loss, now time.Time) Result {
	const findOut = "Find out why: Redis lost its data, has an older copy of it, or another Redis took its place (docs/operations/recovery.md)."
	if ago := now.Sub(loss.At); !loss.At.IsZero() {
		detail := fmt.Sprintf("the ledger was lost %s ago", rounded(ago))
		switch {
		case len(loss.Waiting) > 0:
			return failure(CheckLedger, detail+", and not all domains were handed over again, of "+strings.Join(loss.Waiting, ", "),
				"The WordPress plugin does it by itself within the hour, or at once by 'wp pilotsync resync --adopt'. For other producers: 'pilotsync adopt --app ID --all'. "+findOut)
		case ago < lossReportTime:
			return warning(CheckLedger, detail+"; all apps were handed over again since", findOut)
		}
	}
	if is.ID == "" {
		return ok(CheckLedger, "the ledger has no identity yet; the next worker gives it one")
	}
	return ok(CheckLedger, fmt.Sprintf("the ledger has existed since %s", is.Created.Format("2 January 2006")))
}
