package ops

import (
	"context"

	"reconciler/internal/broker"
	"reconciler/internal/notify/endpoint"
)

// missed are webhooks that were not delivered: of an event, named by a WebhookRef
// without endpoint, the endpoints.
type missed map[broker.WebhookRef]map[string]bool

func (m missed) add(of broker.WebhookRef) {
	event, id := ofEvent(of)
	if m[event] == nil {
		m[event] = map[string]bool{}
	}
	m[event][id] = true
}

func (m missed) remove(of broker.WebhookRef) {
	event, id := ofEvent(of)
	if delete(m[event], id); len(m[event]) == 0 {
		delete(m, event)
	}
}

func (m missed) has(of broker.WebhookRef) bool {
	event, id := ofEvent(of)
	return m[event][id]
}

// ofEvent takes a webhook apart into its event and its endpoint.
func ofEvent(of broker.WebhookRef) (event broker.WebhookRef, endpoint string) {
	event, endpoint = of, of.Endpoint
	event.Endpoint = ""
	return event, endpoint
}

// The outcomes and reasons, as the webhook log and the dead letters have them in
// their subjects.
const (
	outcomeDelivered = "delivered"
	outcomeExhausted = "exhausted"
	outcomeSkipped   = "skipped"
	reasonGone       = "gone"
)

// missed collects the webhooks that a selection means by what became of them; nil
// where it does not say. known are their dead letters.
func (r *Replays) missed(ctx context.Context, is replayRecord, known letters, look func(uint64)) (missed, error) {
	s := is.Selection
	if !s.missed() {
		return nil, nil
	}
	all := missed{}
	if s.Skipped || s.Exhausted {
		span := span{stream: broker.StreamWebhookLog, filter: s.records(), to: is.Log}
		err := r.scan(ctx, span, func(e entry) bool {
			look(e.seq)
			outcome, of, err := broker.ParseWebhookLogSubject(e.subject)
			switch {
			case err != nil || endpoint.IsEventSubject(e.subject):
			case outcome == outcomeSkipped && s.Skipped, outcome == outcomeExhausted && (s.Exhausted || known[of].gone):
				all.add(of)
			default:
				all.remove(of) // the last record counts
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	for of, l := range known {
		if s.Dead == AnyReason || s.Dead == reasonGone && l.gone || s.Dead == outcomeExhausted && l.exhausted {
			all.add(of)
		}
	}
	return all, nil
}
