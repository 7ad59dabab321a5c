// Package redisguard lets the guards of several nodes share what they count,
// through Redis (5.0 or later; also Valkey and KeyDB).
//
// Events go into one stream, capped to some hundred thousand, which every node
// reads: live, and from its start when the node starts. So a node that comes
// new, or again, counts what was counted before it came. The key of the
// fingerprints is a string beside the stream; whoever comes first sets it. If
// Redis loses both, the nodes put the key back and go on with new events.
//
// Who can read Redis sees accounts and addresses, and of each wrong password
// twelve bits; who can write it can have accounts refused. Give it a password
// and a network of its own.
//
// No login waits for Redis. While it is away each node goes on alone, and what
// it counts is told when Redis comes back, up to some thousand events.
//
// go-redis prints a line to standard error for each failure to connect: see
// SetLog.
package redisguard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/vmapd/vmapd/lookup/guard"
)

// SetLog gives all that go-redis itself has to say to print, in the whole
// process, in place of standard error. Nothing of it is news to OnShareError.
func SetLog(print func(line string)) { redis.SetLogger(logger(print)) }

type logger func(line string)

// Printf implements go-redis' logging interface.
func (l logger) Printf(_ context.Context, format string, v ...any) { l(fmt.Sprintf(format, v...)) }

// Options are names and sizes. The zero value is good.
type Options struct {
	Prefix string        // of the names in Redis: "vmapd:guard:"
	MaxLen int64         // events that the stream keeps, about: 100,000, some 20 MB
	Block  time.Duration // how long Receive waits: 2 s
}

// Redis is a connection to the other nodes.
type Redis struct {
	client redis.UniversalClient
	o      Options
	node   string // tells our own events from those of others
	last   string // event that was read
}

var _ guard.Shared = (*Redis)(nil)

// Open makes a Redis from a URL: redis://[user:password@]host:port/db,
// rediss:// with TLS, or unix:///path?db=N. It does not connect yet.
func Open(url string, o Options) (*Redis, error) {
	c, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redisguard: the URL is not understood: want redis://host:6379/0, rediss://... or unix:///path") // err may quote a password
	}
	// The guard tries again by itself, and tells somebody.
	c.MaxRetries, c.DialerRetries = -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout = 2*time.Second, 3*time.Second, 3*time.Second
	c.PoolSize = 4
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return New(redis.NewClient(c), o), nil
}

// New makes a Redis from a client, which Close closes.
func New(client redis.UniversalClient, o Options) *Redis {
	if o.Prefix == "" {
		o.Prefix = "vmapd:guard:"
	}
	if o.MaxLen <= 0 {
		o.MaxLen = 100_000
	}
	if o.Block <= 0 {
		o.Block = 2 * time.Second
	}
	return &Redis{client: client, o: o, node: rand.Text(), last: "0-0"}
}

// Close ends the connections.
func (r *Redis) Close() error { return r.client.Close() }

func (r *Redis) keyName() string    { return r.o.Prefix + "key" }
func (r *Redis) streamName() string { return r.o.Prefix + "events" }

// Key implements guard.Shared.
func (r *Redis) Key(ctx context.Context, mine [32]byte) (key [32]byte, err error) {
	set, err := r.client.SetNX(ctx, r.keyName(), hex.EncodeToString(mine[:]), 0).Result()
	if err != nil || set {
		return mine, wrap("set the key", err)
	}
	text, err := r.client.Get(ctx, r.keyName()).Result()
	if err != nil {
		return mine, wrap("read the key", err)
	}
	if n, err := hex.Decode(key[:], []byte(text[:min(len(text), 2*len(key))])); err != nil || n != len(key) || len(text) != 2*len(key) {
		return mine, fmt.Errorf("redisguard: %s does not hold 64 hex digits: delete it, and the nodes will make a new one", r.keyName())
	}
	return key, nil
}

// Publish implements guard.Shared.
func (r *Redis) Publish(ctx context.Context, events []guard.Event) error {
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range events {
			p.XAdd(ctx, &redis.XAddArgs{
				Stream: r.streamName(), MaxLen: r.o.MaxLen, Approx: true,
				Values: []any{"node", r.node, "event", encode(&events[i])},
			})
		}
		return nil
	})
	return wrap("publish", err)
}

// batch is how many events are read at once.
const batch = 1000

// Receive implements guard.Shared.
func (r *Redis) Receive(ctx context.Context) ([]guard.Event, error) {
	streams, err := r.client.XRead(ctx, &redis.XReadArgs{Streams: []string{r.streamName(), r.last}, Count: batch, Block: r.o.Block}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil || len(streams) != 1 {
		return nil, wrap("read events", err)
	}
	now, err := r.client.Time(ctx).Result() // ids are of the server's clock
	if err != nil {
		return nil, wrap("read the time", err)
	}
	var events []guard.Event
	for _, m := range streams[0].Messages {
		r.last = m.ID
		node, _ := m.Values["node"].(string)
		text, _ := m.Values["event"].(string)
		if node == r.node {
			continue
		}
		// What a later version says and this one does not know is skipped.
		if e, ok := decode(text); ok {
			e.Age = age(m.ID, now)
			events = append(events, e)
		}
	}
	return events, nil
}

// age is how long ago the id of an event was made.
func age(id string, now time.Time) time.Duration {
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return max(0, now.Sub(time.UnixMilli(ms)))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisguard: %s: %w", doing, err)
}
