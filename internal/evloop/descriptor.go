package evloop

import "sync/atomic"

// users counts those who are in a system call with a descriptor, so that it is
// closed when the last of them has left: its number may be another file's then.
type users struct {
	n      atomic.Int32 // twice the users, and 1 once it is to be closed
	finish func()       // closes the descriptor
}

const isClosed = 1

// enter reports whether the descriptor may be used, until leave.
func (u *users) enter() bool {
	for {
		n := u.n.Load()
		if n&isClosed != 0 {
			return false
		}
		if u.n.CompareAndSwap(n, n+2) {
			return true
		}
	}
}

func (u *users) leave() {
	if u.n.Add(-2) == isClosed {
		u.finish()
	}
}

// close lets nobody in any more, and reports whether it was the first to do so:
// then it is itself a user, who has to leave.
func (u *users) close() bool {
	for {
		n := u.n.Load()
		if n&isClosed != 0 {
			return false
		}
		if u.n.CompareAndSwap(n, n+2+isClosed) {
			return true
		}
	}
}
