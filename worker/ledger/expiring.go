package ledger

import "time"

// Expiring are the domains of an app that are done and whose certificate wasn't renewed by
// its [listsync.Cert.AlarmAt].
type Expiring struct {
	Count  int
	First  time.Time // the earliest end of these certificates; zero for none
	Domain string    // whose certificate that is
}
