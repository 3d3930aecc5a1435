package invariant

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"reconciler/internal/payment"
)

// Story is one payment's whole history in time order, one line for each thing
// that happened, for bug reports. It holds no bodies.
func Story(h History, merchant, paymentID string) string {
	s := teller{k: key{merchant, paymentID}}
	inputs := s.created(h)
	ids := s.events(h)
	s.looks(h)
	s.attempts(h)
	s.receipts(h, ids)
	s.dead(h, inputs)
	s.pending(h)
	slices.SortStableFunc(s.lines, func(a, b line) int { return a.at.Compare(b.at) })
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", s.k)
	for _, l := range s.lines {
		fmt.Fprintf(&out, "  %s  %-8s %s\n", stamp(l.at), l.kind, l.text)
	}
	return out.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

type line struct {
	at         time.Time
	kind, text string
}

// teller gathers the lines of one payment.
type teller struct {
	k     key
	lines []line
}

func (s *teller) add(at time.Time, kind, format string, args ...any) {
	s.lines = append(s.lines, line{at, kind, fmt.Sprintf(format, args...)})
}

func (s *teller) created(h History) map[uint64]bool {
	seqs := map[uint64]bool{}
	for _, in := range h.Created {
		c, err := payment.ParseCreated(in.Body, h.Now)
		if err == nil && (key{c.MerchantID, c.PaymentID}) == s.k {
			seqs[in.Seq] = true
			s.add(in.Time, "created", "sequence %d: %s at %q, content %s", in.Seq, c.Expected, c.Account, c.Digest())
		}
	}
	return seqs
}

func (s *teller) events(h History) map[string]bool {
	ids := map[string]bool{}
	for _, e := range h.Events {
		parsed, err := payment.ParseEvent(e.Body)
		d := parsed.Data
		k := key{d.MerchantID, d.PaymentID}
		if err != nil {
			k = key{e.Merchant, e.Payment}
		}
		if k != s.k {
			continue
		}
		ids[e.ID] = true
		if err != nil {
			s.add(e.Time, "event", "sequence %d: unreadable: %v", e.Seq, err)
			continue
		}
		s.add(e.Time, "event", "sequence %d: version %d %s after %q, trigger %q, reason %q, implied %v, late %t, captured %s, refunded %s, observed %s, id %s",
			e.Seq, d.Version, d.Status, d.PreviousStatus, d.Trigger, d.Reason, d.Implied, d.Late, d.Captured, d.Refunded, stamp(d.ObservedAt), e.ID)
	}
	return ids
}

func (s *teller) looks(h History) {
	for _, l := range h.Looks {
		if (key{l.Merchant, l.Payment}) != s.k {
			continue
		}
		what := "no answer"
		switch {
		case l.Answered && !l.Known:
			what = "not found, answered " + stamp(l.AnsweredAt)
		case l.Answered:
			what = fmt.Sprintf("%s, captured %s, refunded %s, answered %s", l.Status, l.Captured, l.Refunded, stamp(l.AnsweredAt))
		}
		if l.TooSoon {
			what += ", too soon"
		}
		if l.BeforeRetryAfter {
			what += ", before Retry-After"
		}
		s.add(l.AskedAt, "look", "%q told: %s", l.Account, what)
	}
}

func (s *teller) attempts(h History) {
	for _, a := range h.Attempts {
		if (key{a.Merchant, a.Payment}) == s.k {
			s.add(a.Time, "attempt", "version %d to endpoint %q: %s", a.Version, a.Endpoint, a.Outcome)
		}
	}
}

func (s *teller) receipts(h History, ids map[string]bool) {
	for _, r := range h.Receipts {
		if ids[r.EventID] {
			s.add(r.Time, "receipt", "endpoint %q of merchant %q: %s, verified %t, taken %t", r.Endpoint, r.Merchant, r.EventID, r.Verified, r.Delivered)
		}
	}
}

// dead letters of the intake are found by what they hold: they need not name
// the payment.
func (s *teller) dead(h History, inputs map[uint64]bool) {
	for _, d := range h.Dead {
		if (key{d.Merchant, d.Payment}) == s.k || (d.Stage == StageIntake && inputs[d.SourceSeq]) {
			s.add(d.Time, "dead", "%s: %s, from %s sequence %d, endpoint %q version %d", d.Stage, d.Reason, d.SourceStream, d.SourceSeq, d.Endpoint, d.Version)
		}
	}
}

func (s *teller) pending(h History) {
	for _, p := range h.Pending {
		if (key{p.Merchant, p.Payment}) == s.k {
			s.add(p.DueAt, "pending", "%s %s, endpoint %q version %d", p.Queue, p.Kind, p.Endpoint, p.Version)
		}
	}
}
