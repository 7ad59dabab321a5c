package daemon

import (
	"errors"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/lookup/tcptable"
)

// socketmap makes the service of a [[listen]] section with that protocol.
func (d *Daemon) socketmap(l *Listen) (service, error) {
	return &lines{server: &socketmap.Server{
		Lookup:         d.shadow.watch(d.metrics.count(d.hurry, l.Protocol, d.resolver.Lookup)),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		WriteTimeout:   l.RequestTimeout.D(),
		Prompt:         d.prompt,
		OnRefused:      d.onRefused(l),
	}}, nil
}

// tcpTable makes the service of a [[listen]] section with protocol tcp_table.
func (d *Daemon) tcpTable(l *Listen) (service, error) {
	t, ok := lookup.FindTable(l.Table)
	if !ok {
		return nil, errors.New("no table " + l.Table)
	}
	return &lines{server: &tcptable.Server{
		Table:          t.Name,
		Lookup:         d.shadow.watch(d.metrics.count(d.hurry, l.Protocol, d.resolver.Lookup)),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		WriteTimeout:   l.RequestTimeout.D(),
		Prompt:         d.prompt,
		OnRefused:      d.onRefused(l),
	}}, nil
}

// onRefused logs and counts what the wire packages answered "try again" by
// themselves: requests that make no sense and values that Postfix would
// misread.
func (d *Daemon) onRefused(l *Listen) func(error) {
	log := d.log.With(zap.String("protocol", l.Protocol), zap.Stringer("address", l.endpoint))
	protocol := l.Protocol
	var lines limiter
	return func(reason error) {
		message := "a value cannot be served"
		if blame(reason) != "" {
			d.metrics.protocolError(protocol)
			message = "a request makes no sense"
		}
		lines.warn(log, message, zap.Error(reason))
	}
}
