package merchant

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/line"
)

// accepted is the body of every 2xx.
const accepted = `{"ok":true}`

// call is one delivery in hand.
type call struct {
	merchant *Merchant
	w        http.ResponseWriter
	r        *http.Request
	place    int
}

// play lets the fault happen; without one the delivery is accepted.
func (c *call) play(met fault.Trouble) {
	step := c.merchant.step
	switch met.Kind {
	case fault.Slow:
		line.Pause(c.r.Context(), cmp.Or(met.Late, step/2))
		if c.r.Context().Err() != nil {
			// The sender gave up; it has to come again.
			line.Reset(c.w)
			return
		}
		c.answer(http.StatusOK, accepted)
	case fault.Hang:
		line.Pause(c.r.Context(), 2*step)
		line.Reset(c.w)
	case fault.OutageHang:
		line.Pause(c.r.Context(), time.Until(met.Until))
		line.Reset(c.w)
	case fault.Reset, fault.OutageReset, fault.OutageRefused: // a kept connection is closed at its next request
		line.Reset(c.w)
	case fault.Cut, fault.Endless, fault.Huge, fault.SlowBody:
		c.trail(met)
	default:
		c.reply(met)
	}
}

// reply is an answer at once and to its end.
func (c *call) reply(met fault.Trouble) {
	header := c.w.Header()
	switch met.Kind {
	case fault.Error500:
		c.answer(http.StatusInternalServerError, `{"error":"database is gone"}`)
	case fault.TakenBut500:
		c.merchant.change(c.place, func(r *Receipt) { r.Taken = true })
		c.answer(http.StatusInternalServerError, `{"error":"could not say thank you"}`)
	case fault.Unavailable503:
		c.tellToWait(met)
		c.answer(http.StatusServiceUnavailable, `{"error":"maintenance"}`)
	case fault.Throttle:
		c.tellToWait(met)
		c.answer(http.StatusTooManyRequests, `{"error":"slow down"}`)
	case fault.Redirect:
		header.Set("Location", RedirectPath)
		c.answer(http.StatusFound, `{}`)
	case fault.Redirect307:
		header.Set("Location", RedirectPath)
		c.answer(http.StatusTemporaryRedirect, `{}`)
	case fault.NotModified:
		c.answer(http.StatusNotModified, "")
	case fault.Gone:
		c.answer(http.StatusGone, `{"error":"gone"}`)
	default:
		c.answer(http.StatusOK, accepted)
	}
}

// tellToWait sets Retry-After.
func (c *call) tellToWait(met fault.Trouble) {
	met.RetryAfter = cmp.Or(met.RetryAfter, time.Second)
	c.merchant.change(c.place, func(r *Receipt) { r.RetryAfter = met.RetryAfter })
	c.w.Header().Set("Retry-After", met.RetryAfterText(time.Now()))
}

// answer writes the answer. The receipt is completed first, because the sender
// may ask for the ledger as soon as it has read the answer, and taken back if
// the write fails.
func (c *call) answer(status int, body string) {
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	if status != http.StatusNotModified { // has no body, and nothing to say about one
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.answered(status, c.write(status, body))
}

// write is the sending of an answer, so that the receipt can be completed before.
func (c *call) write(status int, body string) func() error {
	return func() error {
		c.w.WriteHeader(status)
		if body != "" {
			if _, err := c.w.Write([]byte(body)); err != nil {
				return err
			}
		}
		return http.NewResponseController(c.w).Flush()
	}
}

// answered completes the receipt, then sends.
func (c *call) answered(status int, send func() error) {
	good := status >= 200 && status < 300
	c.merchant.change(c.place, func(r *Receipt) {
		r.HTTPStatus, r.Answered, r.Delivered, r.Taken = status, time.Now(), good, r.Taken || good
	})
	if err := send(); err != nil && good {
		c.merchant.change(c.place, func(r *Receipt) { r.Delivered = false })
	}
}

// Sizes of the answers whose body is the trouble.
const (
	hugeBody  = 10 << 20
	pieceSize = 1 << 10
	// piecePause is between the pieces of a body that never ends: without it, time
	// would stand still for whoever reads on and on.
	piecePause = 100 * time.Millisecond
)

// trail accepts the delivery with an answer whose body is the trouble. That the
// webhook was taken is said by the status, whatever comes of the body.
func (c *call) trail(met fault.Trouble) {
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	switch met.Kind {
	case fault.Cut:
		c.answered(http.StatusOK, func() error { return line.Cut(c.w, http.StatusOK, "application/json", []byte(accepted)) })
		return
	case fault.Huge:
		header.Set("Content-Length", strconv.Itoa(hugeBody))
	case fault.SlowBody:
		header.Set("Content-Length", strconv.Itoa(len(accepted)))
	}
	c.answered(http.StatusOK, c.write(http.StatusOK, ""))
	switch piece := bytes.Repeat([]byte(" "), pieceSize); met.Kind {
	case fault.Huge:
		for range hugeBody / pieceSize {
			if _, err := c.w.Write(piece); err != nil {
				return
			}
		}
	case fault.SlowBody:
		began, late := time.Now(), cmp.Or(met.Late, c.merchant.step/2)
		for i := range len(accepted) {
			due := began.Add(late * time.Duration(i+1) / time.Duration(len(accepted)))
			line.Pause(c.r.Context(), time.Until(due))
			if !c.piece([]byte(accepted[i : i+1])) {
				return
			}
		}
	default:
		for c.piece(piece) && (met.Until.IsZero() || time.Now().Before(met.Until)) {
			line.Pause(c.r.Context(), piecePause)
		}
		line.Reset(c.w)
	}
}

// piece sends a piece of a body; false: nobody reads it any more.
func (c *call) piece(text []byte) bool {
	if c.r.Context().Err() != nil {
		return false
	}
	_, err := c.w.Write(text)
	return err == nil && http.NewResponseController(c.w).Flush() == nil
}
