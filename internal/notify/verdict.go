package notify

import (
	"time"

	"reconciler/internal/notify/webhook"
)

// MaxRetryAfter is the longest wait that a receiver may ask for. Longer ones
// are cut, or a mistaken date would silence an endpoint for good.
const MaxRetryAfter = 6 * time.Hour

// Action is what follows from an attempt: a closed set.
type Action string

// The actions.
const (
	// Delivered: done, never again.
	Delivered Action = "delivered"
	// Retry: by the schedule, and not before Verdict.NotBefore; when the
	// schedule has ended, the event is given up.
	Retry Action = "retry"
	// Disable: the receiver wants no more, of anything.
	Disable Action = "disable"
	// NotCharged: the fault is ours, so the attempt does not count in the
	// schedule. It is made again.
	NotCharged Action = "not_charged"
)

// Verdict is what to do about an attempt.
type Verdict struct {
	Action Action
	// NotBefore only ever lengthens the schedule's delay: the least time until
	// the next attempt. Set for Retry only, at most MaxRetryAfter; 0: the
	// schedule alone decides.
	NotBefore time.Duration
}

// effect is one line of the table.
type effect struct {
	action Action
	// waits says that the receiver's Retry-After is honoured.
	waits bool
}

// effects is the one place that knows what each class of outcome leads to.
// Standard Webhooks 1.0: 2xx is success, 3xx a failure, 410 disables the
// endpoint, 429 and 503 may say when to come back, all else is tried again: a
// 404 may be a deployment, a bad certificate is renewed, a name comes back.
var effects = map[webhook.Class]effect{
	webhook.ClassDelivered: {action: Delivered},
	webhook.ClassGone:      {action: Disable},

	webhook.ClassRateLimited: {action: Retry, waits: true},
	webhook.ClassUnavailable: {action: Retry, waits: true},

	webhook.ClassRedirect:       {action: Retry},
	webhook.ClassClientError:    {action: Retry},
	webhook.ClassServerError:    {action: Retry},
	webhook.ClassProtocol:       {action: Retry},
	webhook.ClassDNS:            {action: Retry},
	webhook.ClassBlockedAddress: {action: Retry},
	webhook.ClassRefused:        {action: Retry},
	webhook.ClassUnreachable:    {action: Retry},
	webhook.ClassConnectTimeout: {action: Retry},
	webhook.ClassTLS:            {action: Retry},
	webhook.ClassAnswerTimeout:  {action: Retry},
	webhook.ClassReset:          {action: Retry},
	// A setting that a person corrects, and charged all the same: else an
	// endpoint nobody corrects would be tried for ever.
	webhook.ClassInvalidRequest: {action: Retry},

	webhook.ClassCanceled: {action: NotCharged},
	webhook.ClassOwnFault: {action: NotCharged},
}

// Judge tells what follows from an attempt. Only its Class and RetryAfter count.
func Judge(r webhook.Result) Verdict {
	effect, known := effects[r.Class]
	if !known {
		return Verdict{Action: Retry}
	}
	verdict := Verdict{Action: effect.action}
	if effect.waits {
		verdict.NotBefore = min(max(r.RetryAfter, 0), MaxRetryAfter)
	}
	return verdict
}
