package page

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// chart is a picture of requests over the last ten minutes: the protocols'
// areas one on the other. The picture itself has no words, so that it can be
// stretched; its scales stand beside it.
type chart struct {
	Top     string `json:"top"` // of the scale
	Middle  string `json:"middle"`
	Bands   []band `json:"bands"`
	Summary string `json:"summary"`
}

// band is the area of one protocol.
type band struct {
	Protocol string `json:"protocol"`
	Class    string `json:"-"`      // its colour
	Path     string `json:"path"`   // of SVG, in a box of chartWidth by chartHeight
	Now      string `json:"now"`    // requests a second, over the last five seconds
	Minute   string `json:"minute"` // over the last minute
	Peak     string `json:"peak"`   // the highest of all that is shown
	Open     int    `json:"open"`   // connections
}

const (
	chartWidth  = 600
	chartHeight = 160
	chartStep   = 5 // seconds to a point
	chartPoints = RateSeconds / chartStep
)

// newChart draws rates.
func newChart(rates []Rate) *chart {
	c := &chart{}
	base := make([]float64, chartPoints)
	tops := make([][]float64, len(rates))
	for i := range rates {
		points := rates[i].points()
		tops[i] = make([]float64, chartPoints)
		for x, v := range points {
			base[x] += v
			tops[i][x] = base[x]
		}
	}
	top := scale(peak(base))
	c.Top, c.Middle = perSecond(top), perSecond(top/2)
	below := make([]float64, chartPoints)
	total := 0.0
	for i := range rates {
		r := &rates[i]
		total += r.mean(chartStep)
		c.Bands = append(c.Bands, band{
			Protocol: r.Protocol, Class: fmt.Sprintf("band-%d", i), Path: between(below, tops[i], top), Open: r.Connections,
			Now: perSecond(r.mean(chartStep)), Minute: perSecond(r.mean(60)), Peak: perSecond(max(peak(r.points()), r.mean(chartStep))),
		})
		below = tops[i]
	}
	c.Summary = fmt.Sprintf("Requests of the last ten minutes: now %s a second, at most %s.", perSecond(total), perSecond(peak(base)))
	return c
}

// points are the means of each step, the oldest first; what there is nothing of
// is 0.
func (r *Rate) points() []float64 {
	points := make([]float64, chartPoints)
	for i, v := range r.Seconds {
		from := RateSeconds - len(r.Seconds) + i // the newest is at the right
		if from >= 0 {
			points[from/chartStep] += float64(v) / chartStep
		}
	}
	return points
}

func peak(points []float64) (top float64) {
	for _, v := range points {
		top = max(top, v)
	}
	return top
}

// scale is the end of a scale that is easy to halve: 1, 2 or 5 times a power of
// ten, not below a value.
func scale(v float64) float64 {
	if v <= 1 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// between is the path around the area between two lines.
func between(below, above []float64, top float64) string {
	var b strings.Builder
	point := func(verb byte, i int, v float64) {
		fmt.Fprintf(&b, "%c%d %.1f", verb, i*chartWidth/(chartPoints-1), chartHeight-v/top*chartHeight)
	}
	for i, v := range above {
		point("ML"[min(i, 1)], i, v)
	}
	for i, v := range slices.Backward(below) {
		point('L', i, v)
	}
	return b.String() + "Z"
}
