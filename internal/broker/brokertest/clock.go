package brokertest

import (
	"sync/atomic"
	"testing"
	"time"
	_ "unsafe" // for the two variables of the server

	"github.com/nats-io/nats-server/v2/server/ats"
)

// The server's file store tells the age of messages by a clock of the whole process,
// which a ticker moves on. Started in a bubble the ticker would not stop in the next
// one; started outside it knows nothing of virtual time, and whatever has a max_age is
// then thrown away at once, decades old. So the store is told that somebody else has
// started the ticker, and virtual time is put where the ticker puts its own.

//go:linkname storeUsers github.com/nats-io/nats-server/v2/server/ats.refs
var storeUsers atomic.Int64

//go:linkname storeTime github.com/nats-io/nats-server/v2/server/ats.utime
var storeTime atomic.Int64

// StoreTick is how far the store's clock may be behind: ages are hours and more. By
// the same clock the store lets go of blocks that nobody touched for ten seconds; with
// a tick of a minute, reading them again was a quarter of what a month costs. It is no
// multiple of a heartbeat's minute: see nudgeStoreTime.
const StoreTick = 15*time.Minute + 7919*time.Millisecond

// keepStoreTime moves the store's clock with the bubble's until the test ends.
func keepStoreTime(t *testing.T) {
	t.Helper()
	storeTime.Store(time.Now().UnixNano())
	ticker, over := time.NewTicker(StoreTick), make(chan struct{})
	go func() {
		for {
			select {
			case now := <-ticker.C:
				storeTime.Store(now.UnixNano())
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		close(over)
	})
}

// The store is moved on by as much as the server's own ticker does, after so long.
const (
	storeNudge = ats.TickInterval
	nudgeAfter = 100 * time.Millisecond
)

// nudgeStoreTime moves the store's clock on a little where it stands still although
// real time goes on, until end is called. A block that was written to a hair less than
// ten seconds before the clock's last tick is looked at again after that hair (2.15.2,
// tryExpireCacheLocked), and again, as the clock says the same: in steps of
// microseconds virtual time would never come to the next tick. Call it outside the
// bubble.
func nudgeStoreTime() (end func()) {
	over := make(chan struct{})
	go func() {
		ticker := time.NewTicker(nudgeAfter)
		defer ticker.Stop()
		last := int64(0)
		for {
			select {
			case <-ticker.C:
				now := storeTime.Load()
				if now == last {
					storeTime.CompareAndSwap(now, now+int64(storeNudge))
				}
				last = storeTime.Load()
			case <-over:
				return
			}
		}
	}()
	return func() { close(over) }
}
