package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter"
	"github.com/vmapd/vmapd/lookup/auth"
)

// milter makes the service of a [[listen]] section with that protocol.
func (d *Daemon) milter(l *Listen) (service, error) {
	s := &milter.Server{
		Settings:       d.signing.Load,
		Keys:           d.keys,
		Report:         d.messageReport(),
		Idle:           l.IdleTimeout.D(),
		RequestTimeout: l.RequestTimeout.D(),
		PassOn: func(nc net.Conn, p *milter.Passed) bool {
			return d.bequeathConn(nc, &auth.Passed{Said: p.Said, Answered: p.Answered})
		},
	}
	resume := func(ctx context.Context, nc net.Conn, p *auth.Passed) error {
		return s.ResumeConn(ctx, nc, &milter.Passed{Said: p.Said, Answered: p.Answered})
	}
	return &lines{patient: true, server: s, resume: resume}, nil
}

// signingSettings gives the section [dkim] as package milter wants it.
func (c *Config) signingSettings() *milter.Settings {
	v := c.DKIM
	o := dkim.Options{}
	header, body, _ := strings.Cut(v.Canon, "/")
	o.Headers, _ = dkim.ParseHeaders(v.Headers) // all were checked
	o.HeaderCanon, _ = dkim.ParseCanon(header)
	o.BodyCanon, _ = dkim.ParseCanon(body)
	return &milter.Settings{Networks: v.networks, DaemonNames: v.DaemonNames, Options: o}
}

// messageReport counts messages and logs what became of them. One that should
// have been signed and was not is worth a warning.
func (d *Daemon) messageReport() func(*milter.Event) {
	var unsigned limiter
	log := d.log.Logger
	return func(e *milter.Event) {
		d.metrics.messages.WithLabelValues(e.Result).Inc()
		switch e.Result {
		case milter.Signed, milter.AlreadySigned:
			if c := log.Check(zap.InfoLevel, "signed a message"); c != nil {
				c.Write(append(messageFields(e), zap.Strings("selectors", e.Selectors), zap.Duration("took", e.Took))...)
			}
		case milter.Foreign:
			log.Debug("not signed: the message is not of a client that is signed for", zap.String("queue_id", e.QueueID))
		default:
			var p *milter.PanicError
			if errors.As(e.Err, &p) {
				d.metrics.panics.Inc()
				log.Error("signing a message panicked; this is a bug, please report it",
					zap.String("panic", fmt.Sprint(p.Value)), zap.ByteString("stack", p.Stack))
			}
			unsigned.warn(log, "a message passed unsigned", append(messageFields(e), zap.Error(e.Err))...)
		}
	}
}

func messageFields(e *milter.Event) []zap.Field {
	return []zap.Field{
		zap.String("queue_id", e.QueueID), zap.String("result", e.Result), zap.String("domain", e.Domain),
		zap.Int64("size", int64(e.Facts.HeaderBytes)+e.Facts.BodyBytes), zap.Int("long_lines", e.Facts.LongLines),
		zap.Bool("eight_bit", e.Facts.EightBit), zap.Int("bare_cr", e.Facts.BareCR),
	}
}
