package modoboa

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Watch calls wake when it has begun to listen for the notifications that
// PostgreSQL's triggers send, and at each. It returns store.ErrCannotWatch for
// the other databases, on a standby, and behind a pooler that drops them. A
// lost connection is noticed within eight seconds.
func (s *Source) Watch(ctx context.Context, wake func()) error {
	err := s.DB.Listen(ctx, logTable, wake)
	if errors.Is(err, db.ErrCannotListen) {
		return fmt.Errorf("%w: %w", store.ErrCannotWatch, err)
	}
	return err
}
