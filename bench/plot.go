package main

// plot is a line chart.
type plot struct {
	Title, X, Y string // what the axes show, with units
	LogX, LogY  bool
	Lines       []line
}

// line is one way's line of a plot.
type line struct {
	Name   string
	Points []point
	Dashed bool // computed rather than measured
}

type point struct{ X, Y float64 }
