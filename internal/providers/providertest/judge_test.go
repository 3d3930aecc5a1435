package providertest

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/fault"
)

func TestMeanings_HoldEveryWordThatTellsSomething(t *testing.T) {
	for _, word := range sandbox.Words() {
		if status, ok := meanings()[word]; ok == (word == sandbox.NotKnown) || ok && !status.Valid() {
			t.Errorf("%s is %q", word, status)
		}
	}
	for _, kind := range fault.AskKinds() {
		if _, ok := faultKinds()[kind]; !ok && kind != fault.Slow {
			t.Errorf("the fault %s has no meaning", kind)
		}
	}
}

func TestJudge_FindsWhatTheProviderDidNotSay(t *testing.T) {
	v := &watched{Payment: sandbox.Payment{AmountMinor: 150, Currency: "EUR"}}
	whole, part := Money(t, "1.50 EUR"), Money(t, "0.50 EUR")
	charged := sandbox.Ask{Told: sandbox.Charged, CapturedMinor: 150}
	notFound := &providers.Error{Kind: providers.NotFound, Doing: "ask"}
	rows := []struct {
		name string
		ask  sandbox.Ask
		obs  payment.Observation
		err  error
		fine bool
	}{
		{"charged", charged, payment.Observation{Status: payment.Succeeded, Amount: whole, Captured: whole}, nil, true},
		{"charged, slowly", sandbox.Ask{Told: sandbox.Charged, CapturedMinor: 150, Fault: string(fault.Slow)}, payment.Observation{Status: payment.Succeeded, Amount: whole, Captured: whole}, nil, true},
		{"charged by QR", sandbox.Ask{Told: sandbox.Charged}, payment.Observation{Status: payment.Succeeded}, nil, true},
		{"another status", charged, payment.Observation{Status: payment.Processing, Amount: whole, Captured: whole}, nil, false},
		{"an error", charged, payment.Observation{}, notFound, false},
		{"less captured", charged, payment.Observation{Status: payment.Succeeded, Amount: whole, Captured: part}, nil, false},
		{"nothing captured", charged, payment.Observation{Status: payment.Succeeded, Amount: whole}, nil, false},
		{"no amount", charged, payment.Observation{Status: payment.Succeeded, Captured: whole}, nil, false},
		{"another amount", charged, payment.Observation{Status: payment.Succeeded, Amount: part, Captured: whole}, nil, false},
		{"a refund of nobody", charged, payment.Observation{Status: payment.Succeeded, Amount: whole, Captured: whole, Refunded: part}, nil, false},
		{"another currency", charged, payment.Observation{Status: payment.Succeeded, Amount: Money(t, "1.50 USD"), Captured: Money(t, "1.50 USD")}, nil, false},
		{"told otherwise by this provider", sandbox.Ask{Told: sandbox.HoldReleased}, payment.Observation{Status: payment.Voided}, nil, true},
		{"told as by most", sandbox.Ask{Told: sandbox.HoldReleased}, payment.Observation{Status: payment.Canceled}, nil, false},
		{"not known", sandbox.Ask{Told: sandbox.NotKnown}, payment.Observation{}, notFound, true},
		{"not known, and a status", sandbox.Ask{Told: sandbox.NotKnown}, payment.Observation{Status: payment.Pending}, nil, false},
		{"halves that disagree", sandbox.Ask{}, payment.Observation{}, &providers.Error{Kind: providers.Inconsistent}, true},
		{"halves that disagree, believed", sandbox.Ask{}, payment.Observation{Status: payment.Succeeded}, nil, false},
		{"told to wait", sandbox.Ask{Fault: string(fault.Throttle)}, payment.Observation{}, &providers.Error{Kind: providers.Throttled, RetryAfter: time.Second}, true},
		{"told to wait, and not told for how long", sandbox.Ask{Fault: string(fault.Throttle)}, payment.Observation{}, &providers.Error{Kind: providers.Throttled}, false},
		{"a fault, and a status", sandbox.Ask{Fault: string(fault.Cut)}, payment.Observation{Status: payment.Pending}, nil, false},
		{"a fault of another kind", sandbox.Ask{Fault: string(fault.Error500)}, payment.Observation{}, notFound, false},
		{"a fault nobody knows", sandbox.Ask{Fault: "earthquake"}, payment.Observation{}, notFound, false},
		{"refused", sandbox.Ask{Refused: "wrong signature"}, payment.Observation{}, notFound, false},
		{"only credentials", sandbox.Ask{Credential: true}, payment.Observation{}, notFound, false},
	}
	s := Subject{Means: map[sandbox.Word]payment.Status{sandbox.HoldReleased: payment.Voided}}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if problem := s.judge(row.ask, v, row.obs, row.err); (problem == "") != row.fine {
				t.Errorf("found %q", problem)
			}
		})
	}
}

func TestJudgeStatus_BelievesNoHTTPStatus(t *testing.T) {
	rows := map[int][]providers.Kind{
		200: {providers.Unreadable, providers.Misconfigured, providers.Unavailable, providers.UnknownStatus, providers.SignatureInvalid},
		302: {providers.Misconfigured, providers.Unavailable}, 401: {providers.Misconfigured}, 403: {providers.Misconfigured},
		404: {providers.Unreadable, providers.Misconfigured, providers.Unavailable, providers.UnknownStatus, providers.SignatureInvalid},
		408: {providers.Throttled}, 425: {providers.Throttled}, 429: {providers.Throttled}, 500: {providers.Unavailable}, 599: {providers.Unavailable},
	}
	for status, fine := range rows {
		for _, kind := range providers.Kinds() {
			problem := judgeStatus(status, &providers.Error{Kind: kind, Setting: "base_url"})
			if (problem == "") != slices.Contains(fine, kind) {
				t.Errorf("HTTP %d as %s: %q", status, kind, problem)
			}
		}
		if judgeStatus(status, nil) == "" {
			t.Errorf("HTTP %d as an observation is fine", status)
		}
	}
	if judgeStatus(403, &providers.Error{Kind: providers.Misconfigured}) == "" {
		t.Error("a misconfiguration of nothing is fine")
	}
}
