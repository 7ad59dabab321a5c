package daemon

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// A Metric is one that /metrics shows.
type Metric struct {
	Name   string
	Help   string
	Labels []string // without constant ones
}

// Metrics lists all metrics of a daemon that are its own, in the order of their
// names, with those that have no value yet.
func Metrics() ([]Metric, error) {
	dir, err := os.MkdirTemp("", "vmapd-metrics-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c := builtin()
	c.StateDir = dir
	c.derive()
	d, err := New(c, "", nil, &Logger{Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	defer d.database.Close()
	return metricsOf(d.metrics.registry)
}

// described is how a prometheus.Desc shows itself: it has no other way.
var described = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*")(?:, unit: "[^"]*")?, constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

func metricsOf(c prometheus.Collector) (list []Metric, err error) {
	all := make(chan *prometheus.Desc)
	go func() { c.Describe(all); close(all) }()
	for d := range all { // to the end, whatever comes
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			err = fmt.Errorf("cannot read the metric %s", d)
			continue
		}
		name, nameErr := strconv.Unquote(m[1])
		help, helpErr := strconv.Unquote(m[2])
		if nameErr != nil || helpErr != nil {
			err = fmt.Errorf("cannot read the metric %s", d)
			continue
		}
		if !strings.HasPrefix(name, "vmapd_") {
			continue // of the process, or of Go
		}
		one := Metric{Name: name, Help: help}
		if m[3] != "" {
			one.Labels = strings.Split(m[3], ",")
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}
