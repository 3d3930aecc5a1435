package desk

import (
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
	// until is the end of the outage that the call came into.
	until time.Time
}

// play lets the fault happen and answers where there is still something to answer.
func (c *call) play(kind fault.Kind) {
	step := c.desk.Step
	switch kind {
	case fault.Slow:
		line.Pause(c.r.Context(), step/2)
		if c.r.Context().Err() != nil {
			// Nobody is there any more, so nobody is told.
			c.hangUp()
			return
		}
		c.send()
	case fault.Hang:
		line.Pause(c.r.Context(), 2*step)
		c.hangUp()
	case fault.OutageHang:
		line.Pause(c.r.Context(), time.Until(c.until))
		c.hangUp()
	case fault.Reset, fault.OutageReset, fault.OutageRefused: // a kept connection is closed at its next request
		c.hangUp()
	case fault.Cut:
		whole := c.answer
		c.silent(whole.Status)
		line.Cut(c.w, whole.Status, contentType(whole), whole.Body)
	case fault.OK, fault.Busy:
		c.send()
	default:
		if kind.Hostile() {
			c.answer = c.twist(kind, c.desk.another(c.answer.Endpoint, c.answer.Payment))
		} else {
			c.answer = c.instead(kind)
		}
		c.send()
	}
}

// instead is the answer that a fault puts in the place of the provider's.
func (c *call) instead(kind fault.Kind) Answer {
	switch kind {
	case fault.Throttle:
		a := plainText(http.StatusTooManyRequests, "too many requests")
		a.Header = map[string]string{"Retry-After": "1"}
		return a
	case fault.Error503, fault.Outage503:
		return Answer{Status: http.StatusServiceUnavailable, Type: "text/html", Body: []byte(gatewayPage)}
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
		ask.Told, ask.Raw, ask.CapturedMinor, ask.RefundedMinor = a.Told, a.Raw, a.CapturedMinor, a.RefundedMinor
	})
	if wait := a.Header["Retry-After"]; wait != "" {
		c.desk.tellToWait(wait)
	}
	header := c.w.Header()
	for key, value := range a.Header {
		header.Set(key, value)
	}
	header.Set("Content-Type", contentType(a))
	header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	c.w.WriteHeader(a.Status)
	// The client may be gone; the ledger says what it was told, not what it read.
	_, _ = c.w.Write(a.Body)
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
