package consumer

import (
	"encoding/json"
	"time"
)

// Bounds of the ring of looks in a timer.
const (
	mostLooks     = 8
	mostLookBytes = 600
)

// glance is one or several equal looks in a row.
type glance struct {
	// Saw is the provider's raw word or the kind of failure.
	Saw   string `json:"saw"`
	First int64  `json:"first"` // Unix seconds
	Last  int64  `json:"last"`
	Count int    `json:"n"`
}

// looks are the last looks of a payment, oldest first: what an operator wants
// to see of a payment that is stuck.
type looks []glance

// add gives the ring with one more look, folded into the last where it is
// equal, and never over its bounds.
func (l looks) add(saw string, at time.Time) looks {
	next := make(looks, len(l), len(l)+1)
	copy(next, l)
	if n := len(next); n > 0 && next[n-1].Saw == saw {
		next[n-1].Last, next[n-1].Count = at.Unix(), next[n-1].Count+1
		return next
	}
	next = append(next, glance{Saw: saw, First: at.Unix(), Last: at.Unix(), Count: 1})
	for len(next) > mostLooks || next.size() > mostLookBytes {
		next = next[1:]
	}
	return next
}

func (l looks) size() int {
	encoded, _ := json.Marshal(l) // strings and integers can't fail to encode
	return len(encoded)
}

// last is when the last look was, in whole seconds; false: there was none.
func (l looks) last() (time.Time, bool) {
	if len(l) == 0 {
		return time.Time{}, false
	}
	return time.Unix(l[len(l)-1].Last, 0), true
}
