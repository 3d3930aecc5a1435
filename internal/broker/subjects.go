package broker

import (
	"fmt"
	"strconv"
	"strings"
)

// The streams.
const (
	StreamPayments   = "PAYMENTS"       // what upstream published
	StreamStatus     = "PAYMENT_STATUS" // every change; the last per payment is its state
	StreamWork       = "RECON_WORK"     // timers and due messages
	StreamWebhookLog = "WEBHOOK_LOG"    // one record per webhook attempt
	StreamDead       = "RECON_DEAD"     // what could not be handled, whole
	// StreamReferences is the index from what providers call a payment to the payment.
	StreamReferences = "RECON_REFERENCES"
)

// Streams are all that a worker makes, but for those of buckets.
func Streams() []string {
	return []string{StreamPayments, StreamStatus, StreamWork, StreamWebhookLog, StreamDead, StreamReferences}
}

// Filters that cover a kind of subject whole.
const (
	FilterCreated    = "payments.created.>"
	FilterStatus     = "payments.status.>"
	FilterTimers     = "recon.timer.>"
	FilterDue        = "recon.due.>"
	FilterWebhookLog = "webhooks.>"
	FilterDead       = "recon.dead.>"
	FilterReferences = "recon.reference.>"
	FilterWaits      = "recon.wait.>" // of no stream
	// FilterDeadLetters are the letters without the further parts of split ones.
	FilterDeadLetters = "recon.dead.*.*.*.*.*.*.*"
)

// subject joins tokens: words first, then values from outside, encoded.
func subject(words string, values ...string) string {
	var b strings.Builder
	b.WriteString(words)
	for _, v := range values {
		b.WriteByte('.')
		b.WriteString(Token(v))
	}
	return b.String()
}

// CreatedSubject is where upstream announces a payment.
func CreatedSubject(merchant, payment string) string {
	return subject("payments.created", merchant, payment)
}

// StatusSubject is where a change to that status is appended.
func StatusSubject(status, account, merchant, payment string) string {
	return subject("payments.status", status, account, merchant, payment)
}

// PaymentKey covers all changes of one payment, whatever its account: the key
// under which the first change is appended, so that one payment id of a merchant
// can't exist twice under two accounts. It costs the broker more the more
// accounts there are, so later changes use StatusKey.
func PaymentKey(merchant, payment string) string {
	return subject("payments.status.*.*", merchant, payment)
}

// StatusKey covers all changes of one payment at its account: the key of every
// change after the first. The broker compares expectations in flight by their
// spelling. That first and later changes are spelled differently is no gap: a
// later one is only written once the first is stored, and a second first one is
// then refused by what is stored.
func StatusKey(account, merchant, payment string) string {
	return subject("payments.status.*", account, merchant, payment)
}

// PollTimer is the timer of a payment's next poll.
func PollTimer(account, merchant, payment string) string {
	return subject("recon.timer.poll", account, merchant, payment)
}

// PollDue is where that timer fires to.
func PollDue(account, merchant, payment string) string {
	return subject("recon.due.poll", account, merchant, payment)
}

// PollDueFilter covers the due polls of one account.
func PollDueFilter(account string) string { return subject("recon.due.poll", account) + ".>" }

// WaitSubject is where a worker says to the others until when an account's provider
// must not be asked. No stream keeps it.
func WaitSubject(account string) string { return subject("recon.wait", account) }

// WebhookTimer is the timer of the next attempt at one webhook.
func WebhookTimer(merchant, endpoint, payment string, version int) string {
	return subject("recon.timer.webhook", merchant, endpoint, payment, strconv.Itoa(version))
}

// WebhookDue is where that timer fires to.
func WebhookDue(merchant, endpoint, payment string, version int) string {
	return subject("recon.due.webhook", merchant, endpoint, payment, strconv.Itoa(version))
}

// WebhookDueFilter covers all due webhooks.
func WebhookDueFilter() string { return "recon.due.webhook.>" }

// WebhookLogSubject is where an attempt's record goes.
func WebhookLogSubject(outcome string, of WebhookRef) string {
	return subject("webhooks", outcome, of.Merchant, of.Endpoint, of.Payment, strconv.Itoa(of.Version))
}

// WebhookLogKey covers all records of one webhook.
func WebhookLogKey(of WebhookRef) string {
	return subject("webhooks.*", of.Merchant, of.Endpoint, of.Payment, strconv.Itoa(of.Version))
}

// DeadRef is what a dead letter's subject says.
type DeadRef struct {
	Stage, Reason string
	// Merchant and Payment are empty where the message did not tell them.
	Merchant, Payment string
	// Stream and Seq are the source message's place.
	Stream string
	Seq    uint64
	// Digest tells apart messages of a stream that was deleted and made anew,
	// where sequences begin again.
	Digest string
}

// DeadSubject is where the letter is kept.
func DeadSubject(of DeadRef) string {
	return subject("recon.dead", of.Stage, of.Reason, of.Merchant, of.Payment, of.Stream, strconv.FormatUint(of.Seq, 10), of.Digest)
}

// deadKey covers the letter whatever reason or payment it was filed under: a
// redelivered message may be refused for another reason than the first time.
func deadKey(of DeadRef) string {
	return subject("recon.dead", of.Stage) + ".*.*.*." + Token(of.Stream) + "." + strconv.FormatUint(of.Seq, 10) + "." + Token(of.Digest)
}

// WebhookRef names one event for one endpoint.
type WebhookRef struct {
	Merchant, Endpoint, Payment string
	Version                     int
}

// PaymentRef names a payment.
type PaymentRef struct {
	// Account is empty on created subjects.
	Account, Merchant, Payment string
}

// split checks a subject's fixed words and count of values and decodes the values.
func split(whole, words string, count int) ([]string, error) {
	rest, ok := strings.CutPrefix(whole, words+".")
	if !ok {
		return nil, fmt.Errorf("the subject does not begin with %s", words)
	}
	values := strings.Split(rest, ".")
	if len(values) != count {
		return nil, fmt.Errorf("the subject has %d tokens after %s, wanted %d", len(values), words, count)
	}
	for i, token := range values {
		value, err := ParseToken(token)
		if err != nil {
			return nil, fmt.Errorf("token %d after %s: %w", i+1, words, err)
		}
		values[i] = value
	}
	return values, nil
}
