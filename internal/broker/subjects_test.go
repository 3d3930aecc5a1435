package broker_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"reconciler/internal/broker"
)

func TestSubjects_AreSpelledAsPromised(t *testing.T) {
	ref := broker.WebhookRef{Merchant: "m.1", Endpoint: "ep", Payment: "p 1", Version: 3}
	dead := broker.DeadRef{Stage: "intake", Reason: "not_json", Merchant: "m", Stream: "PAYMENTS", Seq: 12, Digest: "ab"}
	for _, row := range []struct{ name, got, want string }{
		{"created", broker.CreatedSubject("m.1", "p"), "payments.created.m=2E1.p"},
		{"status", broker.StatusSubject("succeeded", "acc", "m", "p"), "payments.status.succeeded.acc.m.p"},
		{"payment key", broker.PaymentKey("m", "p"), "payments.status.*.*.m.p"},
		{"status key", broker.StatusKey("acc", "m", "p"), "payments.status.*.acc.m.p"},
		{"poll timer", broker.PollTimer("acc", "m", "p"), "recon.timer.poll.acc.m.p"},
		{"poll due", broker.PollDue("acc", "m", "p"), "recon.due.poll.acc.m.p"},
		{"poll due filter", broker.PollDueFilter("a.c"), "recon.due.poll.a=2Ec.>"},
		{"webhook timer", broker.WebhookTimer("m", "e", "p", 1), "recon.timer.webhook.m.e.p.1"},
		{"webhook due", broker.WebhookDue("m", "e", "p", 10), "recon.due.webhook.m.e.p.10"},
		{"webhook log", broker.WebhookLogSubject("delivered", ref), "webhooks.delivered.m=2E1.ep.p=201.3"},
		{"webhook log key", broker.WebhookLogKey(ref), "webhooks.*.m=2E1.ep.p=201.3"},
		{"dead", broker.DeadSubject(dead), "recon.dead.intake.not_json.m.=.PAYMENTS.12.ab"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q, want %q", row.name, row.got, row.want)
		}
	}
}

func TestSubjects_RoundTrip_WhateverTheIdsAre(t *testing.T) {
	for _, id := range []string{"p1", "", "a.b.c", "*", ">", "$SYS", "ж", "\xff\x00", "=", strings.Repeat("é", 128)} {
		of := broker.PaymentRef{Account: id, Merchant: id, Payment: id}
		if status, got, err := broker.ParseStatusSubject(broker.StatusSubject("failed", id, id, id)); err != nil || got != of || status != "failed" {
			t.Errorf("status of %q: %q, %+v, %v", id, status, got, err)
		}
		for _, s := range []string{broker.PollTimer(id, id, id), broker.PollDue(id, id, id)} {
			if got, err := broker.ParsePoll(s); err != nil || got != of {
				t.Errorf("%s: %+v, %v", s, got, err)
			}
		}
		if got, err := broker.ParseCreatedSubject(broker.CreatedSubject(id, id)); err != nil || got != (broker.PaymentRef{Merchant: id, Payment: id}) {
			t.Errorf("created %q: %+v, %v", id, got, err)
		}
		hook := broker.WebhookRef{Merchant: id, Endpoint: id, Payment: id, Version: 7}
		for _, s := range []string{broker.WebhookTimer(id, id, id, 7), broker.WebhookDue(id, id, id, 7)} {
			if got, err := broker.ParseWebhook(s); err != nil || got != hook {
				t.Errorf("%s: %+v, %v", s, got, err)
			}
		}
		if outcome, got, err := broker.ParseWebhookLogSubject(broker.WebhookLogSubject("failed", hook)); err != nil || got != hook || outcome != "failed" {
			t.Errorf("log of %q: %q, %+v, %v", id, outcome, got, err)
		}
		dead := broker.DeadRef{Stage: "s", Reason: "r", Merchant: id, Payment: id, Stream: "X", Seq: 1, Digest: "d"}
		if got, err := broker.ParseDeadSubject(broker.DeadSubject(dead)); err != nil || got != dead {
			t.Errorf("dead %q: %+v, %v", id, got, err)
		}
		if due, err := broker.DueOf(broker.PollTimer(id, id, id)); err != nil || due != broker.PollDue(id, id, id) {
			t.Errorf("due of %q: %q, %v", id, due, err)
		}
	}
}

func TestSubjects_FallUnderTheirStreamsAndFilters(t *testing.T) {
	id := "a.*.>"
	ref := broker.WebhookRef{Merchant: id, Endpoint: id, Payment: id, Version: 1}
	for _, row := range []struct{ subject, filter string }{
		{broker.CreatedSubject(id, id), broker.FilterCreated},
		{broker.StatusSubject("failed", id, id, id), broker.FilterStatus},
		{broker.StatusSubject("failed", id, id, id), broker.PaymentKey(id, id)},
		{broker.StatusSubject("failed", id, id, id), broker.StatusKey(id, id, id)},
		{broker.PollTimer(id, id, id), broker.FilterTimers},
		{broker.PollDue(id, id, id), broker.FilterDue},
		{broker.PollDue(id, id, id), broker.PollDueFilter(id)},
		{broker.WebhookDue(id, id, id, 1), broker.WebhookDueFilter()},
		{broker.WebhookLogSubject("failed", ref), broker.WebhookLogKey(ref)},
		{broker.WebhookLogSubject("failed", ref), broker.FilterWebhookLog},
		{broker.DeadSubject(broker.DeadRef{Stage: "s", Reason: "r", Stream: "X"}), broker.FilterDeadLetters},
	} {
		if !server.IsValidPublishSubject(row.subject) {
			t.Errorf("%s is not a subject to publish on", row.subject)
		}
		if !server.SubjectsCollide(row.subject, row.filter) {
			t.Errorf("%s does not fall under %s", row.subject, row.filter)
		}
	}
	if server.SubjectsCollide(broker.StatusSubject("failed", "acc", "m", "other"), broker.PaymentKey("m", "p")) {
		t.Error("the key of a payment covers another payment")
	}
	if server.SubjectsCollide(broker.StatusSubject("failed", "acc", "m", "p"), broker.StatusKey("other", "m", "p")) {
		t.Error("the key of a payment at its account covers another account")
	}
}

func TestParsers_RefuseSubjectsThatAreNotTheirs(t *testing.T) {
	for _, s := range []string{
		"", "payments", "payments.status", "payments.status.failed.a.m", "payments.status.failed.a.m.p.x", "payments.status.failed.a.m.=2e",
		"payments.status.failed..m.p", "recon.due.poll.a.m", "recon.timer.webhook.m.e.p.0", "recon.timer.webhook.m.e.p.01",
		"recon.timer.webhook.m.e.p.-1", "recon.due.webhook.m.e.p.x", "webhooks.failed.m.e.p.+1", "recon.dead.s.r.m.p.X.01.d", "recon.dead.s.r.m.p.X.-1.d",
	} {
		if _, _, err := broker.ParseStatusSubject(s); err == nil {
			t.Errorf("ParseStatusSubject takes %q", s)
		}
		if _, err := broker.ParsePoll(s); err == nil {
			t.Errorf("ParsePoll takes %q", s)
		}
		if _, err := broker.ParseWebhook(s); err == nil {
			t.Errorf("ParseWebhook takes %q", s)
		}
		if _, _, err := broker.ParseWebhookLogSubject(s); err == nil {
			t.Errorf("ParseWebhookLogSubject takes %q", s)
		}
		if _, err := broker.ParseDeadSubject(s); err == nil {
			t.Errorf("ParseDeadSubject takes %q", s)
		}
		if _, err := broker.DueOf(strings.Replace(s, "recon.timer.", "", 1)); err == nil {
			t.Errorf("DueOf takes %q", s)
		}
	}
}

// Whatever a parser accepts is spelled as its builder spells it, so that two
// subjects never mean the same thing.
func FuzzParsers_AcceptOneSpellingOnly(f *testing.F) {
	for _, seed := range []string{
		"payments.created.m.p", "payments.status.failed.a.m.p", "recon.timer.poll.a.m.p", "recon.due.poll.a.=2E.=",
		"recon.timer.webhook.m.e.p.1", "recon.due.webhook.m.e.p.12", "webhooks.failed.m.e.p.3", "recon.dead.s.r.m.p.X.7.d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		same := func(parser, built string) {
			if built != s {
				t.Errorf("%s takes %q and spells it %q", parser, s, built)
			}
		}
		if of, err := broker.ParseCreatedSubject(s); err == nil {
			same("ParseCreatedSubject", broker.CreatedSubject(of.Merchant, of.Payment))
		}
		if status, of, err := broker.ParseStatusSubject(s); err == nil {
			same("ParseStatusSubject", broker.StatusSubject(status, of.Account, of.Merchant, of.Payment))
		}
		if of, err := broker.ParsePoll(s); err == nil && strings.HasPrefix(s, "recon.due.") {
			same("ParsePoll", broker.PollDue(of.Account, of.Merchant, of.Payment))
		}
		if of, err := broker.ParseWebhook(s); err == nil && strings.HasPrefix(s, "recon.timer.") {
			same("ParseWebhook", broker.WebhookTimer(of.Merchant, of.Endpoint, of.Payment, of.Version))
		}
		if outcome, of, err := broker.ParseWebhookLogSubject(s); err == nil {
			same("ParseWebhookLogSubject", broker.WebhookLogSubject(outcome, of))
		}
		if of, err := broker.ParseDeadSubject(s); err == nil {
			same("ParseDeadSubject", broker.DeadSubject(of))
		}
	})
}
