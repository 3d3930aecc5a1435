package ecommpay

import (
	"net/http"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
)

var _ desk.Caller = (*Simulator)(nil)

// Callback tells of the payment as an answer does, but of its last operation
// alone, under "operation". Of a payment that the Gate does not know nothing is
// sent: both results are nil.
func (s *Simulator) Callback(p *life.Payment, at time.Time) (http.Header, []byte) {
	state := p.At(at)
	if state.Word == life.NotKnown {
		return nil, nil
	}
	body, status := render(p, state, s.ProjectID)
	steps := operationsOf(p, state, status)
	last := len(steps) - 1
	body = body.Without("status").Without("operations").With("operation", steps[last].write(p, state, last))
	return http.Header{"Content-Type": {"application/json"}}, s.signPayment(body, p)
}
