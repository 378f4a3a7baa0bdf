package dashboard

import (
	"net/url"
	"slices"
	"strconv"
)

// A page of a list begins after a position, so that it costs as little as the first one. The way back
// is therefore in the page's URL.

const (
	// maxTrail is how many pages the way back has, and maxPosition how long a position may be, in
	// bytes: a state, an app's id and a domain are shorter.
	maxTrail, maxPosition = 20, 400
)

// parseTrail reads the positions after which the pages before this one begin. The first page has none.
func parseTrail(q url.Values) []string {
	trail := slices.DeleteFunc(slices.Clone(q["via"]), func(position string) bool { return position == "" || len(position) > maxPosition })
	return trail[max(0, len(trail)-maxTrail):]
}

// setNext makes the query of a list that of the page after this one, which has a number and begins
// after a position; empty for the first page.
func setNext(q url.Values, number int, position, next string, trail []string) {
	if position != "" {
		trail = append(slices.Clone(trail), position)
	}
	q["via"] = trail[max(0, len(trail)-maxTrail):]
	q.Set("after", next)
	q.Set("page", strconv.Itoa(number+1))
}

// setPrevious makes the query of a list that of the page before this one. It reports whether that page
// is known.
func setPrevious(q url.Values, number int, trail []string) bool {
	last := len(trail) - 1
	switch {
	case number < 2, number > 2 && last < 0:
		return false
	case number > 2:
		q["via"] = trail[:last]
		q.Set("after", trail[last])
		q.Set("page", strconv.Itoa(number-1))
	}
	return true
}
