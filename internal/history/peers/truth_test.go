package peers

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/life"
)

// meanings is what each provider's document lets a client say, word by word.
func meanings() map[string]map[sandbox.Word]payment.Status {
	return map[string]map[sandbox.Word]payment.Status{
		sandbox.Finipay: {
			sandbox.NotKnown: "", sandbox.Waiting: payment.Pending, sandbox.InProgress: payment.Processing,
			sandbox.Charged: payment.Succeeded, sandbox.ChargedOtherAmount: payment.Review, sandbox.Declined: payment.Failed,
			sandbox.PartRefunded: payment.PartiallyRefunded, sandbox.Refunded: payment.Refunded,
		},
		sandbox.Halyk: {
			sandbox.NotKnown: "", sandbox.PayerAction: payment.RequiresAction, sandbox.InProgress: payment.Processing,
			sandbox.Held: payment.Authorized, sandbox.Charged: payment.Succeeded, sandbox.ChargedOtherAmount: payment.Review,
			sandbox.PartCharged: payment.PartiallyCaptured, sandbox.Declined: payment.Failed, sandbox.PartRefunded: payment.PartiallyRefunded, sandbox.Refunded: payment.Refunded,
			sandbox.HoldReleased: payment.Canceled,
		},
		sandbox.Uapay: {
			sandbox.NotKnown: "", sandbox.Waiting: payment.Pending, sandbox.PayerAction: payment.RequiresAction,
			sandbox.InProgress: payment.Processing, sandbox.Held: payment.Authorized, sandbox.Charged: payment.Succeeded,
			sandbox.ChargedOtherAmount: payment.Review, sandbox.Declined: payment.Failed, sandbox.Canceled: payment.Canceled,
			sandbox.Refunded: payment.Refunded, sandbox.HoldReleased: payment.Voided,
		},
		sandbox.Ecommpay: {
			sandbox.NotKnown: "", sandbox.PayerAction: payment.RequiresAction, sandbox.InProgress: payment.Processing,
			sandbox.Held: payment.Authorized, sandbox.Charged: payment.Succeeded, sandbox.ChargedOtherAmount: payment.Review,
			sandbox.PartCharged: payment.PartiallyCaptured,
			sandbox.Declined:    payment.Failed, sandbox.Canceled: payment.Canceled, sandbox.Expired: payment.Expired,
			sandbox.PartRefunded: payment.PartiallyRefunded, sandbox.Refunded: payment.Refunded,
			sandbox.HoldReleased: payment.Canceled, sandbox.Reversed: payment.Voided,
		},
	}
}

func TestMeaning_OfEveryWordThatAProviderCanSay(t *testing.T) {
	for _, provider := range sandbox.Providers() {
		want := meanings()[provider]
		said := life.Vocabulary(provider)
		if len(said) != len(want) {
			t.Errorf("%s says %d words, the table has %d", provider, len(said), len(want))
		}
		for _, word := range said {
			status, ok := want[word]
			if got := Meaning(provider, word); !ok || got != status {
				t.Errorf("%s: %s means %q, want %q", provider, word, got, status)
			}
		}
	}
}

func TestMeaning_OfNoWordIsNoStatus(t *testing.T) {
	if got := Meaning(sandbox.Finipay, ""); got != "" {
		t.Errorf("nothing told means %q", got)
	}
}

func TestEnding(t *testing.T) {
	soon := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		provider string
		expires  time.Time
		word     sandbox.Word
		want     payment.Status
	}{
		"decided":                              {sandbox.Finipay, time.Time{}, sandbox.Charged, payment.Succeeded},
		"closed":                               {sandbox.Halyk, soon, sandbox.Declined, payment.Failed},
		"another amount":                       {sandbox.Uapay, time.Time{}, sandbox.ChargedOtherAmount, payment.Review},
		"hold released":                        {sandbox.Uapay, time.Time{}, sandbox.HoldReleased, payment.Voided},
		"left open":                            {sandbox.Uapay, time.Time{}, sandbox.PayerAction, payment.Unknown},
		"left open although the time ran out":  {sandbox.Ecommpay, soon, sandbox.PayerAction, payment.Unknown},
		"never known, absence says nothing":    {sandbox.Halyk, soon, sandbox.NotKnown, payment.Unknown},
		"never known, absence is final":        {sandbox.Ecommpay, soon, sandbox.NotKnown, payment.Expired},
		"never known, absence is never final":  {sandbox.Ecommpay, time.Time{}, sandbox.NotKnown, payment.Unknown},
		"expired by the provider":              {sandbox.Ecommpay, time.Time{}, sandbox.Expired, payment.Expired},
		"given back whole the same day":        {sandbox.Ecommpay, time.Time{}, sandbox.Reversed, payment.Voided},
		"given back in part, nothing to await": {sandbox.Finipay, time.Time{}, sandbox.PartRefunded, payment.PartiallyRefunded},
	} {
		t.Run(name, func(t *testing.T) {
			got := Ending(Payment{Provider: c.provider, Expires: c.expires}, sandbox.Truth{Word: c.word, Ended: true})
			if got != c.want {
				t.Errorf("the ending is %q, want %q", got, c.want)
			}
		})
	}
}

// Whatever a life ends with, somebody can come to its end: it is a status a
// worker may publish last.
func TestEnding_OfEveryLifeIsNoOpenStatus(t *testing.T) {
	for _, l := range sandbox.Lives() {
		for _, provider := range sandbox.Providers() {
			stages := l.Stages(provider)
			if len(stages) == 0 {
				continue
			}
			got := Ending(Payment{Provider: provider}, sandbox.Truth{Word: stages[len(stages)-1].Word, Ended: true})
			if !slices.Contains(payment.Statuses(), got) || got.Open() {
				t.Errorf("%s at %s ends as %q", l.Name, provider, got)
			}
		}
	}
}
