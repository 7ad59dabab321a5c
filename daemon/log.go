package daemon

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/vmapd/vmapd/lookup/guard/redisguard"
)

// Logger is a zap logger whose level can change while it is used.
type Logger struct {
	*zap.Logger
	Level zap.AtomicLevel
}

// NewLogger makes a logger for the [log] section that writes to w, usually
// os.Stderr. An unknown level is taken for info; the configuration is checked
// elsewhere.
func NewLogger(c Log, w io.Writer) *Logger {
	level := zap.NewAtomicLevelAt(logLevel(c.Level))
	e := zap.NewProductionEncoderConfig()
	e.EncodeTime = zapcore.ISO8601TimeEncoder
	e.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(e)
	if c.Format != "json" {
		e.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(e)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)
	return &Logger{Logger: zap.New(core), Level: level}
}

// Redirect sends what libraries write by themselves here: with the standard log
// package, until the function it returns is called, and go-redis, at debug,
// since whoever uses it reports its errors. A line comes once a second at most:
// peers can cause them.
func (l *Logger) Redirect() func() {
	redisguard.SetLog(func(line string) { l.Debug("redis", zap.String("said", line)) })
	return zap.RedirectStdLog(l.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Second, 1, 0)
	})))
}

func logLevel(name string) zapcore.Level {
	level, err := zapcore.ParseLevel(name)
	if err != nil {
		return zapcore.InfoLevel
	}
	return level
}
