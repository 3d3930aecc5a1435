package wire

import "bytes"

// Class is what a frame is for.
type Class uint8

// The classes.
const (
	// Protocol is what keeps a connection in step: all that is no message.
	Protocol Class = iota
	// CoreMessage is any other message.
	CoreMessage

	// Going up.

	StatusAppend     // payments.status.>
	TimerPublish     // recon.timer.>
	DuePublish       // recon.due.>, a timer fired early included
	DeadLetter       // recon.dead.>
	ReferencePublish // recon.reference.>
	CreatedPublish   // payments.created.>
	WebhookRecord    // webhooks.>
	KVWrite          // $KV.>
	Ack              // $JS.ACK.>, of any kind: see Frame.AckKind
	PullRequest      // $JS.API.CONSUMER.MSG.NEXT.>
	APIRequest       // the other $JS.API.>
	FlowControl      // $JS.FC.>

	// Going down.

	Delivery   // a message of a stream, to be acknowledged
	Answer     // the first message on the reply subject of a message sent, but a PullRequest
	PullStatus // what a consumer says beside messages: idle, nothing there, deleted ...
)

// String names the class.
func (c Class) String() string {
	return [...]string{
		"protocol", "core message", "status append", "timer publish", "due publish", "dead letter",
		"reference publish", "created publish", "webhook record", "KV write", "ack", "pull request",
		"API request", "flow control", "delivery", "answer", "pull status",
	}[c]
}

// counted tells the calls that matter from heartbeats and idle asking.
func (c Class) counted() bool {
	switch c {
	case Protocol, PullRequest, FlowControl, Delivery, Answer, PullStatus:
		return false
	}
	return true
}

// changes tells the calls that write something from those that only ask.
func (f *Frame) changes() bool {
	if f.Class != APIRequest {
		return true
	}
	for _, asking := range []string{".INFO", ".LIST", ".NAMES", ".MSG.GET.", ".DIRECT.GET."} {
		if bytes.Contains(f.subject, []byte(asking)) {
			return false
		}
	}
	return true
}

func classUp(f *Frame) Class {
	if !f.isMessage() {
		return Protocol
	}
	s := f.subject
	begins := func(prefix string) bool { return len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix }
	switch {
	case begins("$JS.ACK."):
		return Ack
	case begins("$JS.API.CONSUMER.MSG.NEXT."):
		return PullRequest
	case begins("$JS.API."):
		return APIRequest
	case begins("payments.status."):
		return StatusAppend
	case begins("recon.timer."):
		return TimerPublish
	case begins("recon.due."):
		return DuePublish
	case begins("webhooks."):
		return WebhookRecord
	case begins("recon.reference."):
		return ReferencePublish
	case begins("recon.dead."):
		return DeadLetter
	case begins("payments.created."):
		return CreatedPublish
	case begins("$KV."):
		return KVWrite
	case begins("$JS.FC."):
		return FlowControl
	}
	return CoreMessage
}

// classDown leaves answers to whoever knows the requests.
func classDown(f *Frame) Class {
	switch {
	case !f.isMessage():
		return Protocol
	case bytes.HasPrefix(f.reply, []byte("$JS.ACK.")):
		return Delivery
	case bytes.HasPrefix(f.header, []byte("NATS/1.0 ")):
		return PullStatus
	}
	return CoreMessage
}
