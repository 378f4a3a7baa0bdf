package main

import (
	"fmt"
	"io"
)

// renamed are names that are taken in another form than they were typed in.
type renamed []string

// note keeps a name whose canonical form is another.
func (r *renamed) note(typed, canonical string) {
	if typed != canonical {
		*r = append(*r, plain(typed)+" → "+canonical)
	}
}

// print shows them, so that a person sees which name is meant.
func (r renamed) print(out io.Writer) {
	for _, line := range r {
		fmt.Fprintln(out, line)
	}
}
