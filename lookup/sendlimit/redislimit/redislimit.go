package redislimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// Options are names and sizes. The zero value is good.
type Options struct {
	Prefix string // of the names in Redis: "{vmapd:limits}:"
	Page   int    // counters that one Sync gives at most: 500
	Keep   int    // counters of which it is known when they changed: 200,000
}

// Redis is a connection to the other nodes.
type Redis struct {
	client redis.UniversalClient
	o      Options

	take, push, sync *redis.Script
}

var _ sendlimit.Shared = (*Redis)(nil)

// Open makes a Redis from a URL: redis://[user:password@]host:port/db,
// rediss:// with TLS, or unix:///path?db=N. It does not connect yet.
func Open(url string, o Options) (*Redis, error) {
	c, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redislimit: the URL is not understood: want redis://host:6379/0, rediss://... or unix:///path") // err may quote a password
	}
	// A charge waits for an answer, but not for a second try: the node goes on
	// alone. Its deadline is that of the context.
	c.MaxRetries, c.DialerRetries = -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout = time.Second, 2*time.Second, 2*time.Second
	c.ContextTimeoutEnabled = true
	c.PoolSize = 32
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return New(redis.NewClient(c), o), nil
}

// New makes a Redis from a client, which Close closes.
func New(client redis.UniversalClient, o Options) *Redis {
	if o.Prefix == "" {
		o.Prefix = "{vmapd:limits}:"
	}
	if o.Page <= 0 {
		o.Page = 500
	}
	if o.Keep <= 0 {
		o.Keep = 200_000
	}
	return &Redis{
		client: client, o: o,
		take: redis.NewScript(takeSource), push: redis.NewScript(pushSource), sync: redis.NewScript(syncSource),
	}
}

// Close ends the connections.
func (r *Redis) Close() error { return r.client.Close() }

// names gives keys.
func (r *Redis) names(list ...string) []string {
	for i := range list {
		list[i] = r.o.Prefix + list[i]
	}
	return list
}

// run runs a script, and gives its answer as a list.
func (r *Redis) run(ctx context.Context, doing string, s *redis.Script, keys []string, args []any) (*reply, error) {
	v, err := s.Run(ctx, r.client, keys, args...).Result()
	if err != nil {
		return nil, fmt.Errorf("redislimit: %s: %w", doing, err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("redislimit: %s: %T is not a list", doing, v)
	}
	return &reply{list: list}, nil
}
