package callback

import (
	"net/http"
	"time"

	"reconciler/internal/consumer"
)

// outcome is what became of a callback. Its text stands in the log.
type outcome string

const (
	accepted       outcome = "accepted"
	unavailable    outcome = "broker_unavailable"
	busy           outcome = "busy"
	throttled      outcome = "throttled"
	unreadable     outcome = "unreadable"
	wrongSignature outcome = "signature_invalid"
	tooLarge       outcome = "too_large"
	brokenOff      outcome = "broken_off"
	unknownAccount outcome = "unknown_account"
	wrongMethod    outcome = "wrong_method"
)

// reply is how an outcome is answered.
type reply struct {
	status     int
	body       string
	retryAfter string // seconds
}

// replies are the answers. A wrong signature is answered like a body that can't be
// read, 400: a stranger learns nothing of the two, and 401 (RFC 9110, 15.5.2) would
// have to ask for HTTP credentials, of which there are none. Providers take either
// as "not delivered"; the log tells them apart.
var replies = map[outcome]reply{
	accepted:       {http.StatusOK, `{"status":"accepted"}`, ""},
	unavailable:    {http.StatusServiceUnavailable, `{"error":"try again later"}`, "10"},
	busy:           {http.StatusServiceUnavailable, `{"error":"try again later"}`, "1"},
	throttled:      {http.StatusTooManyRequests, `{"error":"try again later"}`, "1"},
	unreadable:     {http.StatusBadRequest, `{"error":"not a callback of this account's provider"}`, ""},
	wrongSignature: {http.StatusBadRequest, `{"error":"not a callback of this account's provider"}`, ""},
	tooLarge:       {http.StatusRequestEntityTooLarge, `{"error":"too large"}`, ""},
	brokenOff:      {http.StatusBadRequest, `{"error":"the body broke off"}`, ""},
	unknownAccount: {http.StatusNotFound, `{"error":"no such account"}`, ""},
	wrongMethod:    {http.StatusMethodNotAllowed, `{"error":"only POST"}`, ""},
}

func (o outcome) answer(w http.ResponseWriter) {
	r := replies[o]
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	if o == wrongMethod {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.body + "\n")) // who hung up is not told
}

// entry is a callback as the log knows it.
type entry struct {
	// account is empty where it is none of ours.
	account  string
	verified bool
	outcome  outcome
	result   consumer.HintResult
	err      error
	began    time.Time
}

// tell writes a callback's line.
func (h *Handler) tell(e entry) {
	line := h.log.Info()
	switch e.outcome {
	case accepted:
	case unreadable, wrongSignature:
		// As many a second as the account's rate allows. Our key may be the wrong one.
		line = h.log.Warn()
	case unavailable:
		line = h.log.Error().Err(e.err).Bool("alarm", true)
	default: // anybody can cause these, as often as they like
		kept, allowed := h.noise.allow()
		if !allowed {
			return
		}
		line = h.log.Warn().Int64("not_logged", kept)
	}
	line.Str("event", "callback.received").Str("provider", e.account).Bool("verified", e.verified).Str("outcome", string(e.outcome)).
		Int("hastened", e.result.Hastened).Int("coalesced", e.result.Coalesced).Int("left", e.result.Left).
		Int("crowded", e.result.Crowded).Dur("took", time.Since(e.began)).Msg("callback")
}
