package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// together is how many payments the rules see at a time.
const together = 500

// judge judges the shard's payments.
func (s *shard) judge(ctx context.Context) error {
	names := slices.SortedFunc(maps.Keys(s.payments), func(a, b name) int {
		return cmp.Or(cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.payment, b.payment))
	})
	for chunk := range slices.Chunk(names, together) {
		var whole, unborn []*bundle
		for _, n := range chunk {
			b := s.payments[n]
			if len(b.events) > 0 {
				s.report.Payments++
			}
			if shortened(s.marks.payments) && len(b.inputs) == 0 {
				unborn = append(unborn, b)
			} else {
				whole = append(whole, b)
			}
		}
		s.check(whole, invariant.Sources{Looks: true, Receipts: true})
		s.check(unborn, invariant.Sources{Looks: true, Receipts: true, Created: true})
		for _, n := range chunk {
			if err := s.complete(ctx, s.payments[n]); err != nil {
				return err
			}
			delete(s.payments, n)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// check lets the rules judge some payments. What is not there yet is judged by
// complete, which can ask again.
func (s *shard) check(bundles []*bundle, without invariant.Sources) {
	h := invariant.History{Without: without, Sealed: s.o.Sealed, Now: time.Now()}
	named := map[string]*bundle{}
	for _, b := range bundles {
		named[b.merchant+"/"+b.payment] = b
		h.Created = append(h.Created, b.inputs...)
		h.Events = append(h.Events, b.events...)
		h.Dead = append(h.Dead, b.dead...)
		if s.partial(b) {
			s.report.Partial++
		}
		for _, a := range b.attempts {
			if !s.aged(b, a.Version) {
				h.Attempts = append(h.Attempts, a)
			}
		}
	}
	for _, v := range invariant.Check(h) {
		b := named[v.Payment]
		if b == nil {
			b = &bundle{}
		}
		if v.Rule == 2 && s.partial(b) {
			continue // it does not begin with version 1 any more
		}
		s.add(Finding{Kind: KindViolation, Rule: v.Rule, Merchant: b.merchant, Payment: b.payment, Detail: v.Detail, Do: remedy(v.Rule)})
	}
	for _, b := range bundles {
		if s.partial(b) {
			s.gaps(b)
		}
	}
}

// remedy is what to do about a broken rule. No tool may invent what is missing.
func remedy(rule int) string {
	switch rule {
	case 2:
		return "an event is missing or forged: compare with a replica or a backup of PAYMENT_STATUS and with what subscribers got; look at it with: reconciler payments show"
	case 4, 3:
		return "compare with the provider, and correct it by hand"
	case 5:
		return "see which event is meant, and whether PAYMENT_STATUS has lost it; nothing has to be sent"
	case 9:
		return "take the message out of the stream and change the secret; find out how it came there"
	}
	return "compare the payment with what upstream published and with its dead letters"
}

// partial reports whether a payment's first events have aged out of the log.
func (s *shard) partial(b *bundle) bool {
	return len(b.events) > 0 && b.before > 0 && shortened(s.marks.status) && b.before < s.marks.status.FirstSeq
}

// aged reports whether the event of that version may have aged out of the log.
func (s *shard) aged(b *bundle, version int) bool {
	if len(b.events) == 0 {
		return shortened(s.marks.status)
	}
	return s.partial(b) && version < versionOf(b.events[0])
}

func versionOf(e invariant.Event) int {
	parsed, err := payment.ParseEvent(e.Body)
	if err != nil {
		return 0
	}
	return parsed.Data.Version
}

// gaps judges the versions of a partial payment.
func (s *shard) gaps(b *bundle) {
	due := versionOf(b.events[0])
	for _, e := range b.events {
		version := versionOf(e)
		if version != due {
			s.add(Finding{
				Kind: KindViolation, Rule: 2, Merchant: b.merchant, Payment: b.payment,
				Detail: fmt.Sprintf("version %d follows where %d was due", version, due), Do: remedy(2),
			})
		}
		due = version + 1
	}
}

// ours reports whether a worker wrote the event: subject, headers and body agree. What
// nobody of ours wrote is a finding and takes no part in the rules, as it takes none in
// the work.
func (s *shard) ours(b *bundle, e invariant.Event) bool {
	parsed, err := payment.ParseEvent(e.Body)
	var newer *payment.NewerSchemaError
	d, problem := parsed.Data, ""
	switch {
	case errors.As(err, &newer):
		s.report.Newer++
		b.newer = true
		return false
	case err != nil:
		problem = err.Error()
	case d.Status != e.Status || d.Account != e.Account || d.MerchantID != e.Merchant || d.PaymentID != e.Payment:
		problem = "its subject is not that of the body's payment and status"
	case e.ID != parsed.ID():
		problem = "its ce-id is not that of the body's payment and version"
	case e.Digest == "":
		problem = "it does not say of which created event it is"
	default:
		return true
	}
	f := foreign(broker.StreamStatus, e.Seq, problem)
	f.Merchant, f.Payment = e.Merchant, e.Payment
	s.add(f)
	return false
}

// searched is how many bodies are searched together.
const searched = 256

// search lets rule 9 search the bodies that are not kept, a good many together; last: all.
func (r *run) search(last bool) {
	h := r.unread
	if !last && len(h.Attempts)+len(h.Pending) < searched {
		return
	}
	r.unread = invariant.History{}
	if len(r.o.Sealed) == 0 {
		return
	}
	named := map[string]name{}
	for _, a := range h.Attempts {
		named[a.Merchant+"/"+a.Payment] = name{a.Merchant, a.Payment}
	}
	for _, p := range h.Pending {
		named[p.Merchant+"/"+p.Payment] = name{p.Merchant, p.Payment}
	}
	h.Sealed, h.Without = r.o.Sealed, invariant.Sources{Created: true, Looks: true, Receipts: true}
	for _, v := range invariant.Check(h) {
		if v.Rule == 9 && strings.HasPrefix(v.Detail, "sealed") { // without events the others say nothing
			of := named[v.Payment]
			r.add(Finding{Kind: KindViolation, Rule: 9, Merchant: of.merchant, Payment: of.payment, Detail: v.Detail, Do: remedy(9)})
		}
	}
}
