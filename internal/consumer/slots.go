package consumer

import "context"

// slots is the gate of the loops that protect nobody but this process.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// Acquire waits for a slot.
func (s slots) Acquire(ctx context.Context) (slot, error) {
	select {
	case s <- struct{}{}:
		return slot{s}, nil
	case <-ctx.Done():
		return slot{}, ctx.Err()
	}
}

// TryAcquire takes a slot if one is free.
func (s slots) TryAcquire() (slot, bool) {
	select {
	case s <- struct{}{}:
		return slot{s}, true
	default:
		return slot{}, false
	}
}

// slot is one place in slots.
type slot struct{ of slots }

// Return frees the slot.
func (s slot) Return() { <-s.of }

// Closed is nil: nothing closes the slots.
func (s slot) Closed() <-chan struct{} { return nil }
