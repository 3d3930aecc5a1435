package simulation

import (
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/payment"
)

// view is what a backend sees that follows all changes while everything happens,
// and whether it could have believed each as it came.
type view struct {
	seen map[uint64]payment.Event
	// last is the highest version of each payment.
	last   map[string]int
	faults []string
}

func newView() *view { return &view{seen: map[uint64]payment.Event{}, last: map[string]int{}} }

// saw takes in one message. What comes again is the broker's right; what comes for
// the first time has to follow what came before.
func (v *view) saw(m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		v.fault("a message without a position: %v", err)
		return
	}
	event, err := payment.ParseEvent(m.Data())
	if err != nil {
		return // forged: the judge asks for its dead letter
	}
	seq := meta.Sequence.Stream
	if _, again := v.seen[seq]; again {
		return
	}
	v.seen[seq] = event
	key := event.Data.MerchantID + "/" + event.Data.PaymentID
	if event.Data.Version != v.last[key]+1 {
		v.fault("payment %s: the backend saw version %d after version %d", key, event.Data.Version, v.last[key])
	}
	v.last[key] = max(v.last[key], event.Data.Version)
}

func (v *view) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// compare finds where the log as it is in the end is another one than the backend
// has seen.
func (v *view) compare(events map[uint64]payment.Event) []string {
	faults := v.faults
	for seq, event := range events {
		seen, ok := v.seen[seq]
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("payment %s: the backend never saw version %d", event.Data.PaymentID, event.Data.Version))
		case seen.ID() != event.ID() || seen.Data.Status != event.Data.Status:
			faults = append(faults, fmt.Sprintf("payment %s: the backend saw %s as message %d, the log has %s", event.Data.PaymentID, seen.ID(), seq, event.ID()))
		}
	}
	for seq, seen := range v.seen {
		if _, ok := events[seq]; !ok {
			faults = append(faults, fmt.Sprintf("payment %s: the backend saw version %d, which the log does not hold", seen.Data.PaymentID, seen.Data.Version))
		}
	}
	return faults
}
