package desk

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/line"
)

// gatewayPage is what stands in front of providers says when they are down.
const gatewayPage = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n" +
	"<body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx</center></body>\r\n</html>\r\n"

// garbage is what answers turn into under HTTP 200: a firewall's page, JSON
// that breaks off, JSON that is no object.
var garbage = []Answer{
	{Status: http.StatusOK, Type: "text/html", Body: []byte("<!doctype html><title>Sign in</title><form action=/login>")},
	{Status: http.StatusOK, Body: []byte(`{"status":1,"data":{"stat`)},
	{Status: http.StatusOK, Body: []byte(`["unexpected"]`)},
}

// call is one request in hand.
type call struct {
	desk   *Desk
	w      http.ResponseWriter
	r      *http.Request
	place  int
	answer Answer
	// clock is how far the provider's clock is ahead.
	clock time.Duration
}

// play lets the fault happen and answers where there is still something to answer.
func (c *call) play(met fault.Trouble) {
	step := c.desk.Step
	switch met.Kind {
	case fault.Slow:
		c.late(cmp.Or(met.Late, step/2), c.send)
	case fault.Throttle:
		c.late(met.Late, func() {
			c.answer = c.instead(met)
			c.send()
		})
	case fault.Hang:
		line.Pause(c.r.Context(), 2*step)
		c.hangUp()
	case fault.OutageHang:
		line.Pause(c.r.Context(), time.Until(met.Until))
		c.hangUp()
	case fault.Reset, fault.OutageReset, fault.OutageRefused: // a kept connection is closed at its next request
		c.hangUp()
	case fault.Cut:
		whole := c.answer
		c.silent(whole.Status)
		// The client may be gone; nothing was told either way.
		_ = line.Cut(c.w, whole.Status, contentType(whole), whole.Body)
	case fault.OK, fault.Busy:
		c.send()
	default:
		if met.Kind.Hostile() {
			c.answer = c.twist(met.Kind, c.desk.another(c.answer.Endpoint, c.answer.Payment))
		} else {
			c.answer = c.instead(met)
		}
		c.send()
	}
}

// late answers after some time.
func (c *call) late(by time.Duration, answer func()) {
	if by > 0 {
		line.Pause(c.r.Context(), by)
	}
	if c.r.Context().Err() != nil {
		// Nobody is there any more, so nobody is told.
		c.hangUp()
		return
	}
	answer()
}

// instead is the answer that a fault puts in the place of the provider's.
func (c *call) instead(met fault.Trouble) Answer {
	switch met.Kind {
	case fault.Throttle:
		a := plainText(http.StatusTooManyRequests, "too many requests")
		met.RetryAfter = cmp.Or(met.RetryAfter, time.Second)
		a.Header = map[string]string{"Retry-After": met.RetryAfterText(time.Now().Add(c.clock))}
		return a
	case fault.Error503, fault.Outage503:
		a := Answer{Status: http.StatusServiceUnavailable, Type: "text/html", Body: []byte(gatewayPage)}
		if met.RetryAfter > 0 {
			a.Header = map[string]string{"Retry-After": met.RetryAfterText(time.Now().Add(c.clock))}
		}
		return a
	case fault.Garbage:
		return garbage[c.place%len(garbage)]
	default:
		return plainText(http.StatusInternalServerError, "internal error")
	}
}

// send completes the ledger's entry, then writes the answer. In this order,
// because whoever has read the answer may ask the ledger at once.
func (c *call) send() {
	a := c.answer
	c.desk.Ledger.change(c.place, func(ask *Ask) {
		ask.Answered, ask.HTTPStatus = time.Now(), a.Status
		ask.Told, ask.Raw = a.Told, a.Raw
		ask.CapturedMinor, ask.RefundedMinor, ask.Currency = a.CapturedMinor, a.RefundedMinor, a.Currency
	})
	if wait := a.Header["Retry-After"]; wait != "" {
		c.desk.tellToWait(waitUntil(wait, c.clock))
	}
	header := c.w.Header()
	if c.clock != 0 {
		header.Set("Date", time.Now().Add(c.clock).UTC().Format(http.TimeFormat))
	}
	for key, value := range a.Header {
		header.Set(key, value)
	}
	header.Set("Content-Type", contentType(a))
	header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	c.w.WriteHeader(a.Status)
	// The client may be gone; the ledger says what it was told, not what it read.
	_, _ = c.w.Write(a.Body)
}

// waitUntil is until when a Retry-After asks to wait; zero: it says nothing. A date
// by a clock that is ahead counts as its sender means it, which is sooner than it
// reads; one by a clock that is behind as it reads.
func waitUntil(header string, clock time.Duration) time.Time {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Now().Add(time.Duration(seconds) * time.Second)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return time.Time{}
	}
	return at.Add(-max(clock, 0))
}

// hangUp drops the connection without an answer.
func (c *call) hangUp() {
	c.silent(0)
	line.Reset(c.w)
}

// silent completes the entry of an ask that is told nothing it can read.
func (c *call) silent(status int) {
	c.desk.Ledger.change(c.place, func(ask *Ask) { ask.Answered, ask.HTTPStatus = time.Now(), status })
}

func contentType(a Answer) string {
	if a.Type == "" {
		return "application/json"
	}
	return a.Type
}
