//go:build drill

package main_test

import (
	"testing"
	"time"
)

// TestAllDrills holds all drills, with more data, for longer, and with the
// limits that vmapd promises. One alone: -run 'TestAllDrills/postgres/two_nodes'.
func TestAllDrills(t *testing.T) {
	limits := drillLimits{hold: 3 * time.Second, before: 2 * time.Second, recovery: 2 * time.Second, gap: 250 * time.Millisecond, ratio: 0.5, again: true}
	holdDrills(t, drillSize{domains: 200, mailboxes: 100}, limits, func(d failureDrill) string { return d.engines })
}
