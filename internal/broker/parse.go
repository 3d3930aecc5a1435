package broker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseCreatedSubject reads merchant and payment from an upstream subject that
// was built by CreatedSubject. Upstream may use other subjects below
// payments.created, so a failure here says nothing about the message.
func ParseCreatedSubject(s string) (PaymentRef, error) {
	v, err := split(s, "payments.created", 2)
	if err != nil {
		return PaymentRef{}, err
	}
	return PaymentRef{Merchant: v[0], Payment: v[1]}, nil
}

// ParseStatusSubject undoes StatusSubject.
func ParseStatusSubject(s string) (status string, of PaymentRef, err error) {
	v, err := split(s, "payments.status", 4)
	if err != nil {
		return "", PaymentRef{}, err
	}
	return v[0], PaymentRef{Account: v[1], Merchant: v[2], Payment: v[3]}, nil
}

// ParsePoll undoes PollTimer and PollDue.
func ParsePoll(s string) (PaymentRef, error) {
	v, err := split(s, sideOf(s)+".poll", 3)
	if err != nil {
		return PaymentRef{}, err
	}
	return PaymentRef{Account: v[0], Merchant: v[1], Payment: v[2]}, nil
}

// ParseWebhook undoes WebhookTimer and WebhookDue.
func ParseWebhook(s string) (WebhookRef, error) {
	v, err := split(s, sideOf(s)+".webhook", 4)
	if err != nil {
		return WebhookRef{}, err
	}
	return webhookRef(v)
}

// ParseWebhookLogSubject undoes WebhookLogSubject.
func ParseWebhookLogSubject(s string) (outcome string, of WebhookRef, err error) {
	v, err := split(s, "webhooks", 5)
	if err != nil {
		return "", WebhookRef{}, err
	}
	of, err = webhookRef(v[1:])
	return v[0], of, err
}

// ParseDeadSubject undoes DeadSubject.
func ParseDeadSubject(s string) (DeadRef, error) {
	v, err := split(s, "recon.dead", 7)
	if err != nil {
		return DeadRef{}, err
	}
	seq, err := strconv.ParseUint(v[5], 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != v[5] {
		return DeadRef{}, errors.New("the subject has no sequence where one belongs")
	}
	return DeadRef{Stage: v[0], Reason: v[1], Merchant: v[2], Payment: v[3], Stream: v[4], Seq: seq, Digest: v[6]}, nil
}

// DueOf is the due subject that belongs to a timer's subject.
func DueOf(timer string) (string, error) {
	rest, ok := strings.CutPrefix(timer, "recon.timer.")
	if !ok {
		return "", errors.New("not a timer's subject")
	}
	return "recon.due." + rest, nil
}

// sideOf tells timers from due messages; both have the same tokens behind it.
func sideOf(s string) string {
	if strings.HasPrefix(s, "recon.timer.") {
		return "recon.timer"
	}
	return "recon.due"
}

func webhookRef(v []string) (WebhookRef, error) {
	version, err := strconv.Atoi(v[3])
	if err != nil || version < 1 || strconv.Itoa(version) != v[3] {
		return WebhookRef{}, fmt.Errorf("the subject has no version where one belongs")
	}
	return WebhookRef{Merchant: v[0], Endpoint: v[1], Payment: v[2], Version: version}, nil
}
