package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"pilotsync/worker/ledger"
)

// maxSnooze is how far ahead a date may be.
const maxSnooze = 2 * 366 * 24 * time.Hour

// snoozeDomain snoozes a domain, or ends that, and redirects to its page.
func (p *pageServer) snoozeDomain(w http.ResponseWriter, r *http.Request) error {
	view, err := p.findDomain(r)
	if err != nil {
		return err
	}
	label, asked := "Snooze "+view.Domain, "snooze"
	switch how := r.PostFormValue("how"); how {
	case "end":
		label, asked = "End the snooze of "+view.Domain, "wake"
		err = p.snoozer.EndSnooze(r.Context(), view.AppID, view.Domain, operatorName(r))
	case "change", "date", "never":
		s := ledger.Snooze{WontFix: how == "never", Note: r.PostFormValue("note"), By: operatorName(r), At: p.now().UTC()}
		if how == "date" {
			s.Until, err = snoozeEnd(r.PostFormValue("until"), p.now())
		}
		if seen := r.PostFormValue("seen"); err == nil && seen != seenTrouble(view) {
			err = ledger.ErrChangedMeanwhile
		}
		if err == nil {
			err = p.snoozer.Snooze(r.Context(), view, s)
		}
	default:
		err = fmt.Errorf("%w: how is %q; it takes change, date, never or end", ledger.ErrInvalidSnooze, how)
	}
	if err != nil {
		return &actionError{label, domainPath(view), err}
	}
	http.Redirect(w, r, domainPath(view)+"?asked="+asked, http.StatusSeeOther)
	return nil
}

// snoozeEnd is the end of a day in UTC, in ms.
func snoozeEnd(date string, now time.Time) (int64, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0, fmt.Errorf("%w: the date is %q; it takes a day such as %s", ledger.ErrInvalidSnooze, date, now.AddDate(0, 0, 7).Format(time.DateOnly))
	}
	end := day.AddDate(0, 0, 1)
	switch {
	case !end.After(now):
		return 0, fmt.Errorf("%w: the date %s has passed", ledger.ErrInvalidSnooze, date)
	case end.Sub(now) > maxSnooze:
		return 0, fmt.Errorf("%w: the date %s is more than two years away", ledger.ErrInvalidSnooze, date)
	}
	return end.UnixMilli(), nil
}

// seenTrouble is what a form says that its user has seen of a domain.
func seenTrouble(v ledger.View) string { return fmt.Sprint(v.State, v.Codes()) }

// refusedAction reports whether an action breaks a rule, so that a retry can't help.
func refusedAction(err error) bool {
	return errors.Is(err, ledger.ErrInvalidSnooze) || errors.Is(err, ledger.ErrChangedMeanwhile)
}
