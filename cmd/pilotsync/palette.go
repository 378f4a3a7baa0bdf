package main

import "pilotsync/tasks"

// color is an SGR code of a terminal (ECMA-48); empty is none.
type color string

const (
	red    color = "31"
	yellow color = "33"
	green  color = "32"
)

// palette paints text; the zero palette leaves it as it is.
type palette struct{ on bool }

// palette paints if Out is a terminal, unless NO_COLOR isn't empty
// (https://no-color.org) or TERM is dumb.
func (s *streams) palette() palette {
	return palette{on: s.OutSize != nil && s.lookup("NO_COLOR") == "" && s.lookup("TERM") != "dumb"}
}

func (p palette) paint(c color, text string) string {
	if !p.on || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// stateColor shows trouble in red, what needs patience in yellow, the end in green.
func stateColor(state string) color {
	switch tasks.State(state) {
	case tasks.Failed, tasks.Rejected:
		return red
	case tasks.DoneWithoutSSL, tasks.CheckingDNS, tasks.CheckingSSL:
		return yellow
	case tasks.Done:
		return green
	}
	return ""
}
