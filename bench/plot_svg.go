package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Sizes of a plot in SVG's units. The chart's own rectangle leaves room for the
// axes on the left and below, and for the lines' names on the right.
const (
	plotWidth, plotHeight = 760.0, 420.0
	chartLeft, chartTop   = 78.0, 48.0
	chartRight, chartDown = 510.0, 356.0
)

// svg draws the plot. It stands on a white ground of its own, so that it can be
// read on a page of either colour.
func (p plot) svg() string {
	x, y := p.axes()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%[1]g" height="%[2]g" font-family="sans-serif" font-size="12" role="img">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(p.Title))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", plotWidth, plotHeight)
	text(&b, chartLeft, 26, "start", 15, "#1a1a1a", p.Title)
	for _, tick := range x.ticks() {
		at := x.place(tick)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%g" x2="%.1f" y2="%g" stroke="#e3e3e3"/>`+"\n", at, chartTop, at, chartDown)
		text(&b, at, chartDown+18, "middle", 12, "#444444", number(tick))
	}
	for _, tick := range y.ticks() {
		at := y.place(tick)
		fmt.Fprintf(&b, `<line x1="%g" y1="%.1f" x2="%g" y2="%.1f" stroke="#e3e3e3"/>`+"\n", chartLeft, at, chartRight, at)
		text(&b, chartLeft-8, at+4, "end", 12, "#444444", number(tick))
	}
	fmt.Fprintf(&b, `<rect x="%g" y="%g" width="%g" height="%g" fill="none" stroke="#888888"/>`+"\n", chartLeft, chartTop, chartRight-chartLeft, chartDown-chartTop)
	text(&b, (chartLeft+chartRight)/2, plotHeight-16, "middle", 12, "#1a1a1a", p.X)
	fmt.Fprintf(&b, `<g transform="translate(18 %g) rotate(-90)">`, (chartTop+chartDown)/2)
	text(&b, 0, 0, "middle", 12, "#1a1a1a", p.Y)
	b.WriteString("</g>\n")
	for i, l := range p.Lines {
		p.draw(&b, l, colours()[i%len(colours())], x, y)
	}
	p.legend(&b, y)
	b.WriteString("</svg>\n")
	return b.String()
}

// colours can be told apart by people who don't see all of them (Okabe and Ito).
func colours() []string { return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"} }

func (p plot) draw(b *strings.Builder, l line, colour string, x, y axis) {
	var path strings.Builder
	for _, pt := range l.Points {
		fmt.Fprintf(&path, "%.1f,%.1f ", x.place(pt.X), y.place(pt.Y))
	}
	dash := ""
	if l.Dashed {
		dash = ` stroke-dasharray="6 5"`
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.TrimSpace(path.String()), colour, dash)
	if l.Dashed {
		return
	}
	for _, pt := range l.Points {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", x.place(pt.X), y.place(pt.Y), colour)
	}
}

// legend names each line beside its end, pushed down where two would overlap.
func (p plot) legend(b *strings.Builder, y axis) {
	type label struct {
		at           float64
		name, colour string
	}
	var labels []label
	for i, l := range p.Lines {
		if len(l.Points) > 0 {
			labels = append(labels, label{y.place(l.Points[len(l.Points)-1].Y), l.Name, colours()[i%len(colours())]})
		}
	}
	slices.SortFunc(labels, func(a, b label) int { return int(a.at - b.at) })
	const height = 17
	for i := range labels {
		if i > 0 {
			labels[i].at = max(labels[i].at, labels[i-1].at+height)
		}
		text(b, chartRight+10, labels[i].at+4, "start", 12, labels[i].colour, labels[i].name)
	}
}

func text(b *strings.Builder, x, y float64, anchor string, size int, colour, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s">%s</text>`+"\n", x, y, anchor, size, colour, html.EscapeString(s))
}

// number formats a tick: 0.1, 20, 3,000.
func number(v float64) string {
	if v >= 1000 && v == math.Trunc(v) {
		return fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
	}
	return fmt.Sprintf("%.4g", v)
}
