package notify

import (
	"testing"
	"time"

	"reconciler/internal/notify/webhook"
)

func TestJudge_HasAnEffectForEveryClass(t *testing.T) {
	want := map[webhook.Class]Action{
		webhook.ClassDelivered: Delivered,
		webhook.ClassGone:      Disable,
		webhook.ClassCanceled:  NotCharged,
		webhook.ClassOwnFault:  NotCharged,
	}
	waits := map[webhook.Class]bool{webhook.ClassRateLimited: true, webhook.ClassUnavailable: true}
	for _, class := range webhook.Classes() {
		if _, ok := effects[class]; !ok {
			t.Errorf("class %s has no effect in the table", class)
		}
		verdict := Verdict{Action: want[class]}
		if verdict.Action == "" {
			verdict.Action = Retry
		}
		if waits[class] {
			verdict.NotBefore = time.Minute
		}
		if got := Judge(webhook.Result{Class: class, RetryAfter: time.Minute}); got != verdict {
			t.Errorf("class %s: %+v, want %+v", class, got, verdict)
		}
	}
	if len(effects) != len(webhook.Classes()) {
		t.Errorf("the table has %d rows for %d classes", len(effects), len(webhook.Classes()))
	}
}

func TestJudge_KnowsEveryHTTPStatus(t *testing.T) {
	for status := 100; status <= 599; status++ {
		want := Verdict{Action: Retry}
		switch {
		case status/100 == 2:
			want.Action = Delivered
		case status == 410:
			want.Action = Disable
		case status == 429, status == 503:
			want.NotBefore = 90 * time.Second
		}
		got := Judge(webhook.Result{Status: status, Class: webhook.ClassOf(status), RetryAfter: 90 * time.Second})
		if got != want {
			t.Errorf("status %d: %+v, want %+v", status, got, want)
		}
	}
}

func TestJudge_BoundsTheWaitAReceiverAsksFor(t *testing.T) {
	tests := []struct {
		name        string
		asked, want time.Duration
	}{
		{"nothing", 0, 0},
		{"below zero", -time.Second, 0},
		{"a while", time.Hour, time.Hour},
		{"six hours", 6 * time.Hour, 6 * time.Hour},
		{"more", 6*time.Hour + 1, 6 * time.Hour},
		{"a month", 30 * 24 * time.Hour, 6 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(webhook.Result{Class: webhook.ClassRateLimited, RetryAfter: tt.asked})
			if got != (Verdict{Action: Retry, NotBefore: tt.want}) {
				t.Errorf("%+v, want retry not before %v", got, tt.want)
			}
		})
	}
}

func TestJudge_RetriesAndCharges_WhatItDoesNotKnow(t *testing.T) {
	for _, class := range []webhook.Class{"", "from a newer version"} {
		if got := Judge(webhook.Result{Class: class, RetryAfter: time.Hour}); got != (Verdict{Action: Retry}) {
			t.Errorf("class %q: %+v, want a plain retry", class, got)
		}
	}
}
