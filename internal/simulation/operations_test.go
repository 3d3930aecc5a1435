package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/simulation/wire"
)

// operation is one append to the status log as the wire saw it: "write this if the
// last of that payment is still that". It is one step of a register with
// compare-and-set per payment.
type operation struct {
	process    int
	key        string
	subject    string
	id         string
	expected   uint64
	start, end time.Time // end: zero while nobody was told
	// seq is where it was stored, if it was told so; refused: it was told that
	// somebody else was first. Neither: the outcome is unknown.
	seq     uint64
	refused bool
}

// operations is the history of all of them, taken down on the wire between the
// workers and the broker.
type operations struct {
	mu   sync.Mutex
	all  []*operation
	open map[[2]int]*operation
}

func newOperations() *operations { return &operations{open: map[[2]int]*operation{}} }

// frame takes down an append or its answer.
func (o *operations) frame(process int, f *wire.Frame) {
	switch {
	case f.Direction == wire.Up && f.Class == wire.StatusAppend && f.Call > 0:
		h := f.Header()
		expected, _ := strconv.ParseUint(h.Get(jetstream.ExpectedLastSubjSeqHeader), 10, 64)
		op := &operation{
			process: process, key: h.Get(jetstream.ExpectedLastSubjSeqSubjHeader), subject: f.Subject(), id: h.Get("ce-id"),
			expected: expected, start: time.Now(),
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all = append(o.all, op)
		o.open[[2]int{process, f.Call}] = op
	case f.Direction == wire.Down && f.Class == wire.Answer && f.Request != nil && f.Request.Class == wire.StatusAppend:
		var answer struct {
			Seq   uint64 `json:"seq"`
			Error *struct {
				Code int `json:"err_code"`
			} `json:"error"`
		}
		if json.Unmarshal(f.Payload(), &answer) != nil {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		op := o.open[[2]int{process, f.Request.Call}]
		if op == nil {
			return
		}
		op.end = time.Now()
		switch {
		case answer.Error == nil:
			op.seq = answer.Seq
		case answer.Error.Code == 10071:
			op.refused = true
		}
	}
}

// stored is one message of the log, forged ones included.
type stored struct {
	seq     uint64
	at      time.Time
	subject string
	id      string
}

// check finds operations that no legal order of each payment's operations
// explains. The order is known, it is the log's: so it has to be shown only that
// each operation fits into it, at a moment between its beginning and its end.
func (o *operations) check(log []stored) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var faults []string
	bySeq := map[uint64]stored{}
	for _, s := range log {
		bySeq[s.seq] = s
	}
	for _, op := range o.all {
		if fault := op.check(log, bySeq); fault != "" {
			faults = append(faults, fmt.Sprintf("process %d, append of %s to %s at %s, expected %d: %s",
				op.process, op.id, op.subject, op.start.UTC().Format(time.RFC3339Nano), op.expected, fault))
		}
	}
	return append(faults, o.order()...)
}

// order finds acknowledged operations that ended before others of the log began
// and stand behind them.
func (o *operations) order() []string {
	var ok []*operation
	for _, op := range o.all {
		if op.seq > 0 {
			ok = append(ok, op)
		}
	}
	slices.SortFunc(ok, func(a, b *operation) int { return cmp.Compare(a.seq, b.seq) })
	var faults []string
	var latest *operation // that began last among those before
	for _, op := range ok {
		if latest != nil && op.end.Before(latest.start) {
			faults = append(faults, fmt.Sprintf("append of %s ended before that of %s began and is behind it in the log", op.id, latest.id))
		}
		if latest == nil || op.start.After(latest.start) {
			latest = op
		}
	}
	return faults
}

func (op *operation) check(log []stored, bySeq map[uint64]stored) string {
	switch {
	case op.key == "":
		return "without compare-and-set"
	case op.seq > 0:
		is, ok := bySeq[op.seq]
		switch {
		case !ok:
			return fmt.Sprintf("acknowledged as message %d, which is not there", op.seq)
		case is.id != op.id || is.subject != op.subject:
			return fmt.Sprintf("acknowledged as message %d, which is %s on %s", op.seq, is.id, is.subject)
		case before(log, op.key, op.seq) != op.expected:
			return fmt.Sprintf("message %d follows message %d", op.seq, before(log, op.key, op.seq))
		case is.at.Before(op.start) || is.at.After(op.end):
			return fmt.Sprintf("stored at %s, which is not while it was under way", is.at.UTC().Format(time.RFC3339Nano))
		}
	case op.refused:
		// Somebody else must have been last at some moment while it was under way.
		if next := after(log, op.key, op.expected); next.seq > 0 && !next.at.After(op.end) {
			return ""
		}
		return "refused although nobody else had changed the payment"
	}
	return ""
}

// before is the last message of a payment before a sequence; 0: none.
func before(log []stored, key string, seq uint64) uint64 {
	last := uint64(0)
	for _, s := range log {
		if s.seq >= seq {
			break
		}
		if under(key, s.subject) {
			last = s.seq
		}
	}
	return last
}

// after is the first message of a payment behind a sequence.
func after(log []stored, key string, seq uint64) stored {
	for _, s := range log {
		if s.seq > seq && under(key, s.subject) {
			return s
		}
	}
	return stored{}
}

// under reports whether a filter with "*" covers a subject.
func under(key, subject string) bool {
	filter, tokens := strings.Split(key, "."), strings.Split(subject, ".")
	if len(filter) != len(tokens) {
		return false
	}
	for i, token := range filter {
		if token != "*" && token != tokens[i] {
			return false
		}
	}
	return true
}

// misspelt finds appends under another key than all writers have to use: a first
// version's, under which no account may begin a payment twice, or that of all later
// ones. The broker's guard in a cluster compares the text of the key.
func (o *operations) misspelt() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, later := shape(broker.PaymentKey("m", "p")), shape(broker.StatusKey("a", "m", "p"))
	var faults []string
	for _, op := range o.all {
		want := later
		if strings.HasSuffix(op.id, "_1") {
			want = first
		}
		if is := shape(op.key); is != want {
			faults = append(faults, fmt.Sprintf("append of %s under a key of the form %q, not %q", op.id, is, want))
		}
	}
	return faults
}

// shape is a key without its names.
func shape(key string) string {
	tokens := strings.Split(key, ".")
	for i, token := range tokens {
		if i > 1 && token != "*" {
			tokens[i] = "x"
		}
	}
	return strings.Join(tokens, ".")
}
