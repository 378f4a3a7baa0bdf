package terminal

// Color is an SGR code of a terminal (ECMA-48); empty is none.
type Color string

// The colors.
const (
	Red    Color = "31"
	Yellow Color = "33"
	Green  Color = "32"
)

// Palette paints text; the zero palette leaves it as it is.
type Palette struct{ on bool }

// Palette paints if Out is a terminal, unless NO_COLOR isn't empty
// (https://no-color.org) or TERM is dumb.
func (s *Streams) Palette() Palette {
	return Palette{on: s.OutSize != nil && s.Lookup("NO_COLOR") == "" && s.Lookup("TERM") != "dumb"}
}

// Paint returns text in a color.
func (p Palette) Paint(c Color, text string) string {
	if !p.on || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
