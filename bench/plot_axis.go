package main

import "math"

// axis turns values into places on the chart.
type axis struct {
	low, high float64 // values at its ends
	from, to  float64 // places of its ends
	log       bool
}

// axes are those that all of the plot's points fit on.
func (p plot) axes() (x, y axis) {
	var xs, ys []float64
	for _, l := range p.Lines {
		for _, pt := range l.Points {
			xs, ys = append(xs, pt.X), append(ys, pt.Y)
		}
	}
	x, y = fit(xs, p.LogX), fit(ys, p.LogY)
	x.from, x.to = chartLeft, chartRight
	y.from, y.to = chartDown, chartTop // SVG counts downwards
	return x, y
}

// fit is an axis from a round value to a round value. One that isn't logarithmic
// begins at 0: a cut-off axis makes differences look larger than they are. On a
// logarithmic one, values that aren't above 0 have no place, and stand at its low end.
func fit(values []float64, log bool) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !log || v > 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if math.IsInf(low, 1) {
		low, high = 1, 1
	}
	if !log {
		return axis{low: 0, high: max(high*1.05, math.SmallestNonzeroFloat32)}
	}
	a := axis{log: true, low: low, high: high}
	for _, step := range steps(low/10, high*10) {
		if step <= low*1.0001 {
			a.low = step
		}
		if step >= high*0.9999 {
			a.high = step
			break
		}
	}
	if a.low == a.high {
		a.high *= 10
	}
	return a
}

// steps are 1, 2 and 5 of each power of ten from low to high.
func steps(low, high float64) (all []float64) {
	for exponent := math.Floor(math.Log10(low)); exponent <= math.Ceil(math.Log10(high)); exponent++ {
		for _, digit := range []float64{1, 2, 5} {
			if step := digit * math.Pow(10, exponent); step >= low*0.9999 && step <= high*1.0001 {
				all = append(all, step)
			}
		}
	}
	return all
}

// ticks are the values that are written beside the axis: some four to nine.
func (a axis) ticks() []float64 {
	if !a.log {
		step := math.Pow(10, math.Floor(math.Log10(a.high)))
		switch {
		case a.high/step < 2:
			step /= 5
		case a.high/step < 5:
			step /= 2
		}
		var all []float64
		for i := 0; float64(i)*step <= a.high; i++ {
			all = append(all, float64(i)*step)
		}
		return all
	}
	all := steps(a.low, a.high)
	if len(all) <= 9 {
		return all
	}
	var tens []float64
	for exponent := math.Ceil(math.Log10(a.low) - 1e-9); exponent <= math.Log10(a.high)+1e-9; exponent++ {
		tens = append(tens, math.Pow(10, exponent))
	}
	return tens
}

// place is where a value stands.
func (a axis) place(v float64) float64 {
	share := 0.0
	switch {
	case !a.log:
		share = (v - a.low) / (a.high - a.low)
	case v > 0:
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return a.from + share*(a.to-a.from)
}
