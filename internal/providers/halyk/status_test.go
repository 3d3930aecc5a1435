package halyk

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func TestTable_EveryWordIsFoundAndHasAMeaningInEveryCase(t *testing.T) {
	providertest.CheckRules(t, rules, providers.PlainWord)
}

// members of a transaction, by short names.
type members = map[string]any

func amount(text string) json.Number { return json.Number(text) }

// TestTable_EveryRowIsReached proves that no row is hidden by one above it and
// that the decoder does what the visible table says.
func TestTable_EveryRowIsReached(t *testing.T) {
	asked := members{"reasonCode": 454}
	part := members{"amount": amount("1000"), "payoutAmount": amount("500.5")}
	whole := members{"amount": 0, "payoutAmount": amount("1500.5")}
	over := members{"payoutAmount": 1}
	less := members{"amount": 1}
	untold := members{"amount": nil, "payoutAmount": nil}
	// The members that lead to each row, in the order of the table.
	cases := []members{
		{}, {}, {}, {},
		over, whole, part, less, {},
		over, untold, whole, part, whole, untold, part,
		{}, {},
		asked, {}, asked, {}, asked, {}, asked, {},
		{}, {}, {}, {}, {}, {},
	}
	rows := providers.Lines(rules)
	if len(cases) != len(rows) {
		t.Fatalf("%d cases for %d rows", len(cases), len(rows))
	}
	for i, row := range rows {
		t.Run(fmt.Sprintf("%s %s %d", row.Field, row.Raw, i), func(t *testing.T) {
			all := members{"statusName": row.Raw}
			for key, value := range cases[i] {
				all[key] = value
			}
			body := transaction(t, all)
			if row.Field == fieldResult {
				body = fmt.Sprintf(`{"resultCode":%s,"transaction":null}`, row.Raw)
			}
			obs, err := decode([]byte(body), query(t), goodConfig())
			if row.Kind != 0 && !errors.Is(err, row.Kind) {
				t.Errorf("error %v, want kind %s", err, row.Kind)
			}
			if row.Kind == 0 && (err != nil || obs.Status != row.Status) {
				t.Errorf("status %q, error %v; want %q", obs.Status, err, row.Status)
			}
		})
	}
}

func TestReasonOf_ReadsTheErrorPage(t *testing.T) {
	rows := []struct {
		code string
		want payment.Reason
	}{
		{`"00"`, payment.ReasonDeclined}, {`0`, payment.ReasonDeclined}, {`""`, payment.ReasonDeclined}, {`null`, payment.ReasonDeclined},
		{`"484"`, payment.ReasonInsufficientFunds}, {`484`, payment.ReasonInsufficientFunds}, {`"0484"`, payment.ReasonInsufficientFunds},
		{`"455"`, payment.ReasonAuthenticationFailed}, {`"486"`, payment.ReasonRestricted}, {`"529"`, payment.ReasonLimitExceeded},
		{`"476"`, payment.ReasonAttemptsExceeded}, {`"457"`, payment.ReasonInvalidCard}, {`"485"`, payment.ReasonExpiredCard},
		{`"465"`, payment.ReasonCardBlocked}, {`"483"`, payment.ReasonFraudSuspected}, {`"490"`, payment.ReasonDeclined},
		{`"470"`, payment.ReasonInvalidAmount}, {`"494"`, payment.ReasonProviderError}, {`"460"`, payment.ReasonProviderError},
		{`"464"`, payment.ReasonProviderOther}, {`"459"`, payment.ReasonProviderOther}, {`"2678"`, payment.ReasonProviderOther}, {`"x"`, payment.ReasonProviderOther},
	}
	for _, row := range rows {
		body := transaction(t, members{"statusName": "FAILED", "reasonCode": json.RawMessage(row.code)})
		obs, err := decode([]byte(body), query(t), goodConfig())
		if err != nil || obs.Status != payment.Failed || obs.Reason != row.want {
			t.Errorf("code %s: %s %s, error %v; want failed %s", row.code, obs.Status, obs.Reason, err, row.want)
		}
	}
}

func TestReasons_NameEachCodeOnce(t *testing.T) {
	groups := map[string]payment.Reason{notFinal: "none: it is not final"}
	for _, group := range reasons {
		if !group.reason.Valid() {
			t.Errorf("%s is no reason", group.reason)
		}
		for _, code := range group.codes {
			if before, twice := groups[code]; twice {
				t.Errorf("code %s is in %s and %s", code, before, group.reason)
			}
			groups[code] = group.reason
		}
	}
}

func TestDecode_TakesTheTerminalInAnyCase(t *testing.T) {
	cfg := goodConfig()
	cfg.Terminal = "AAAAAAAA-2222-4333-8444-555555555555"
	rows := []struct {
		name     string
		terminal any
		mismatch bool
	}{
		{"lower case", "aaaaaaaa-2222-4333-8444-555555555555", false}, {"absent", nil, false}, {"empty", "", false},
		{"other", testTerminal, true},
	}
	for _, row := range rows {
		_, err := decode([]byte(transaction(t, members{"terminalID": row.terminal})), query(t), cfg)
		if errors.Is(err, providers.IdentityMismatch) != row.mismatch || (err != nil) != row.mismatch {
			t.Errorf("%s: error %v, want a mismatch: %t", row.name, err, row.mismatch)
		}
	}
}
