package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// plot is a line chart. Both axes are logarithmic, since the ways compared differ by orders of
// magnitude.
type plot struct {
	Title, X, Y string // what the axes show, with units
	Lines       []line
}

// line is one way's line of a plot.
type line struct {
	Name   string
	Points []point // a value of 0 or less has no place on a logarithmic axis and is left out
	Dashed bool    // computed rather than measured
}

type point struct{ X, Y float64 }

const (
	plotWidth, plotHeight = 760 * vg.Inch / 96, 420 * vg.Inch / 96
	legendWidth           = 250 * vg.Inch / 96 // to the right of the chart
)

// svg draws the plot on a white background, readable on a light and on a dark page.
func (p plot) svg() ([]byte, error) {
	chart := gonum.New()
	chart.Title.Text, chart.X.Label.Text, chart.Y.Label.Text = p.Title, p.X, p.Y
	chart.Title.Padding = 4 * vg.Millimeter
	for _, style := range []*draw.TextStyle{&chart.Title.TextStyle, &chart.X.Label.TextStyle, &chart.Y.Label.TextStyle, &chart.X.Tick.Label, &chart.Y.Tick.Label} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(9)
	}
	chart.Title.TextStyle.Font.Size = vg.Points(11)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{215}, color.Gray{215}
	chart.Add(grid)
	legend := gonum.NewLegend()
	legend.Top, legend.Left, legend.Padding = true, true, vg.Millimeter
	legend.TextStyle.Font.Variant, legend.TextStyle.Font.Size = "Sans", vg.Points(9)
	for i, l := range p.Lines {
		var points plotter.XYs
		for _, pt := range l.Points {
			if pt.X > 0 && pt.Y > 0 {
				points = append(points, plotter.XY(pt))
			}
		}
		if len(points) == 0 {
			continue
		}
		drawn, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("draw the line %q: %w", l.Name, err)
		}
		drawn.Color, drawn.Width = palette()[i%len(palette())], vg.Points(1.5)
		dots.Color, dots.Radius, dots.Shape = drawn.Color, vg.Points(2.6), draw.CircleGlyph{}
		chart.Add(drawn)
		if l.Dashed {
			drawn.Dashes = []vg.Length{vg.Points(4.5), vg.Points(3.75)}
			legend.Add(l.Name, drawn)
		} else {
			chart.Add(dots)
			legend.Add(l.Name, drawn, dots)
		}
	}
	for _, axis := range []*gonum.Axis{&chart.X, &chart.Y} {
		axis.Min, axis.Max = roundEnds(axis.Min, axis.Max)
		axis.Scale, axis.Tick.Marker, axis.Padding = gonum.LogScale{}, gonum.TickerFunc(ticks), 0
	}
	// vgsvg writes its elements in the order they are drawn: the same plot is the same bytes.
	canvas := vgsvg.New(plotWidth, plotHeight)
	all := draw.New(canvas)
	all.FillPolygon(color.White, []vg.Point{{}, {X: plotWidth}, {X: plotWidth, Y: plotHeight}, {Y: plotHeight}})
	chart.Draw(draw.Crop(all, 2*vg.Millimeter, -legendWidth, 2*vg.Millimeter, -2*vg.Millimeter))
	legend.Draw(draw.Crop(all, plotWidth-legendWidth+2*vg.Millimeter, 0, 0, -12*vg.Millimeter))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw %q: %w", p.Title, err)
	}
	// The fonts measured are Liberation's; Arial has the same widths.
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,sans-serif")), nil
}

// palette has colors that people with color blindness can tell apart (Okabe and Ito).
func palette() []color.Color {
	return []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
		color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	}
}

// roundEnds widens an axis to the nearest round values. Without values, it is 1 to 10.
func roundEnds(low, high float64) (float64, float64) {
	if math.IsInf(low, 0) || math.IsInf(high, 0) {
		low, high = 1, 1
	}
	all := round(low/10, high*10)
	from, to := all[0], all[len(all)-1]
	for _, v := range all {
		if v <= low*1.0001 {
			from = v
		}
	}
	for _, v := range slices.Backward(all) {
		if v >= high*0.9999 {
			to = v
		}
	}
	if from == to {
		to *= 10
	}
	return from, to
}

// ticks are the labeled values of an axis. gonum's own LogTicks labels powers of ten only, of
// which an axis from 1 to 8 workers has one.
func ticks(low, high float64) []gonum.Tick {
	var all []gonum.Tick
	for _, v := range round(low, high) {
		all = append(all, gonum.Tick{Value: v, Label: number(v)})
	}
	if len(all) <= 9 {
		return all
	}
	return slices.DeleteFunc(all, func(t gonum.Tick) bool {
		exponent := math.Log10(t.Value)
		return math.Abs(exponent-math.Round(exponent)) > 1e-9
	})
}

// round is 1, 2 and 5 of each power of ten from low to high.
func round(low, high float64) (all []float64) {
	for exponent := math.Floor(math.Log10(low)); exponent <= math.Ceil(math.Log10(high)); exponent++ {
		for _, digit := range []float64{1, 2, 5} {
			if v := digit * math.Pow(10, exponent); v >= low*0.9999 && v <= high*1.0001 {
				all = append(all, v)
			}
		}
	}
	return all
}

// number is a tick's label: 0.1, 20, 3,000.
func number(v float64) string {
	if v >= 1000 && v == math.Trunc(v) {
		return fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
	}
	return fmt.Sprintf("%.4g", v)
}
