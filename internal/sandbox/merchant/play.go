package merchant

import (
	"net/http"
	"strconv"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/line"
)

// call is one delivery in hand.
type call struct {
	merchant *Merchant
	w        http.ResponseWriter
	r        *http.Request
	place    int
}

// play lets the fault happen; without one the delivery is accepted.
func (c *call) play(kind fault.Kind) {
	step := c.merchant.step
	switch kind {
	case fault.Slow:
		line.Pause(c.r.Context(), step/2)
		if c.r.Context().Err() != nil {
			// The sender gave up; it has to come again.
			line.Reset(c.w)
			return
		}
		c.answer(http.StatusOK, `{"ok":true}`)
	case fault.Hang:
		line.Pause(c.r.Context(), 2*step)
		line.Reset(c.w)
	case fault.Reset:
		line.Reset(c.w)
	case fault.Error500:
		c.answer(http.StatusInternalServerError, `{"error":"database is gone"}`)
	case fault.Unavailable503:
		c.w.Header().Set("Retry-After", "1")
		c.answer(http.StatusServiceUnavailable, `{"error":"maintenance"}`)
	case fault.Redirect:
		c.w.Header().Set("Location", RedirectPath)
		c.answer(http.StatusFound, `{}`)
	default:
		c.answer(http.StatusOK, `{"ok":true}`)
	}
}

// answer writes the answer. The receipt is completed first, because the sender
// may ask for the ledger as soon as it has read the answer, and taken back if
// the write fails.
func (c *call) answer(status int, body string) {
	delivered := status >= 200 && status < 300
	c.merchant.change(c.place, func(r *Receipt) { r.HTTPStatus, r.Delivered = status, delivered })
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, err := c.w.Write([]byte(body))
	if err == nil {
		err = http.NewResponseController(c.w).Flush()
	}
	if err != nil && delivered {
		c.merchant.change(c.place, func(r *Receipt) { r.Delivered = false })
	}
}
