package halyk

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

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

// reaching gives the members of an answer that lead to a row with this case.
func reaching(t *testing.T, row providers.Row) members {
	t.Helper()
	with := map[string]members{
		"amount + payoutAmount are above orgAmount, or amount is below it beside amountBonus": {"payoutAmount": 1},
		"payoutAmount is all there was":                                            {"amount": 0, "payoutAmount": amount("1500.5")},
		"payoutAmount is above 0 and not all there was":                            {"amount": amount("1000"), "payoutAmount": amount("500.5")},
		"amount is below orgAmount, payoutAmount is 0 or absent":                   {"amount": 1},
		"amount + payoutAmount are above orgAmount, or nothing is missing from it": {"payoutAmount": 1},
		"payoutAmount is 0 or absent, and no difference tells how much went back":  {"amount": nil, "payoutAmount": nil},
		"payoutAmount is orgAmount":                                                {"amount": 0, "payoutAmount": amount("1500.5")},
		"as REFUND, or payoutAmount is orgAmount":                                  {"amount": 0, "payoutAmount": amount("1500.5")},
		"reasonCode is 454":                                                        {"reasonCode": 454},
	}
	all := members{"statusName": row.Raw}
	if row.Case == "" && strings.Contains(row.Raw, "REFUND") {
		all["amount"], all["payoutAmount"] = amount("1000"), amount("500.5")
	}
	its, ok := with[row.Case]
	if !ok && row.Case != "" {
		t.Fatalf("no answer is known for the case %q", row.Case)
	}
	maps.Copy(all, its)
	return all
}

// TestTable_EveryRowIsReached proves that no row is hidden by one above it and
// that the decoder does what the visible table says.
func TestTable_EveryRowIsReached(t *testing.T) {
	for _, rule := range rules {
		row := rule.Row
		t.Run(fmt.Sprintf("%s %s %s", row.Field, row.Raw, row.Case), func(t *testing.T) {
			body := fmt.Sprintf(`{"resultCode":%s,"transaction":null}`, row.Raw)
			if row.Field == fieldStatus {
				body = transaction(t, reaching(t, row))
			}
			obs, err := decode([]byte(body), query(t), goodConfig())
			if row.Kind != 0 && !errors.Is(err, row.Kind) {
				t.Errorf("error %v, want kind %s", err, row.Kind)
			}
			if row.Kind == 0 && (err != nil || obs.Status != row.Status || obs.Status == payment.Review && obs.Reason != rule.Reason) {
				t.Errorf("status %q %s, error %v; want %q %s", obs.Status, obs.Reason, err, row.Status, rule.Reason)
			}
		})
	}
}

// A row counts in all cases that the rows above it leave, or says in which.
func TestTable_SaysInWhichCaseEachRowHolds(t *testing.T) {
	seen, last := map[[3]string]bool{}, map[[2]string]string{}
	for _, row := range new(Adapter).Profile().Table {
		word, key := [2]string{row.Field, row.Raw}, [3]string{row.Field, row.Raw, row.Case}
		if before, twice := last[word]; twice && before == "" || seen[key] {
			t.Errorf("%v is hidden by the one above it", key)
		}
		seen[key], last[word] = true, row.Case
	}
	for _, rule := range rules {
		if (rule.When != nil) != (rule.Case != "") && rule.Raw != found {
			t.Errorf("%s %s: the case %q does not say when it holds", rule.Field, rule.Raw, rule.Case)
		}
	}
}

// TestTable_ReasonsAreReached: every row of the reason codes, under every word
// of a refusal.
func TestTable_ReasonsAreReached(t *testing.T) {
	for _, row := range reasonTable {
		code := row.Raw
		if code == anyOther {
			code = "999"
		}
		for _, word := range []string{"FAILED", "REJECT", "DECLINE", "DECLINED"} {
			for _, form := range []string{code, `"` + code + `"`, `"0` + code + `"`} {
				body := transaction(t, members{"statusName": word, "reasonCode": json.RawMessage(form)})
				obs, err := decode([]byte(body), query(t), goodConfig())
				if err != nil || obs.Status != row.Status || obs.Reason != row.reason || obs.ProviderMessage != row.note {
					t.Errorf("%s %s: %s %s %q, error %v; want %s %s %q", word, form, obs.Status, obs.Reason, obs.ProviderMessage, err, row.Status, row.reason, row.note)
				}
				if !strings.HasPrefix(row.Case, besideRefusal) || (row.reason != "") != strings.HasSuffix(row.Case, "reason "+string(row.reason)) {
					t.Errorf("%s: the case %q does not say the reason %s", code, row.Case, row.reason)
				}
			}
		}
		for _, word := range []string{"NEW", "AUTH", "CHARGE", "CANCEL"} {
			obs, err := decode([]byte(transaction(t, members{"statusName": word, "reasonCode": code})), query(t), goodConfig())
			if err != nil || obs.Status == payment.Failed || obs.Reason != "" && word != "CANCEL" {
				t.Errorf("%s beside %s: %s %s, %v", code, word, obs.Status, obs.Reason, err)
			}
		}
	}
}

func TestReasons_OfTheErrorPage(t *testing.T) {
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

// The document's groups, written down once more: a code in the wrong list would
// be told to merchants for years.
func TestReasons_AreTheDocumentsGroups(t *testing.T) {
	groups := map[payment.Reason]string{
		payment.ReasonAuthenticationFailed: "455 473 499 500 503",
		payment.ReasonInsufficientFunds:    "484",
		payment.ReasonRestricted:           "486",
		payment.ReasonLimitExceeded:        "488 491 528 529",
		payment.ReasonAttemptsExceeded:     "476 492",
		payment.ReasonInvalidCard:          "457 469 471 472 501 524 525",
		payment.ReasonExpiredCard:          "478 485",
		payment.ReasonCardBlocked:          "465 467 479 481 482 489",
		payment.ReasonFraudSuspected:       "483",
		payment.ReasonDeclined:             "0 462 463 466 468 480 487 490 495 521 523 527",
		payment.ReasonInvalidAmount:        "470",
		payment.ReasonProviderError:        "456 458 460 461 475 477 493 494 496 497 498 502 522 526",
		payment.ReasonProviderOther:        "459 464 474 877 1267 1563 1611 1612 2678 2740 3339",
	}
	count := 2 // 454 and "any other"
	for reason, codes := range groups {
		for _, code := range strings.Fields(codes) {
			count++
			if got := refused(plainCode(code)); got.reason != reason || got.Raw != code {
				t.Errorf("%s is %s in the row %s, want %s", code, got.reason, got.Raw, reason)
			}
		}
	}
	if count != len(reasonTable) {
		t.Errorf("%d codes here, %d rows", count, len(reasonTable))
	}
}

func TestDecode_ReadsTheTimeWithWhateverOffsetItNames(t *testing.T) {
	rows := []struct {
		text string
		want time.Time
	}{
		{"2022-11-15T03:52:17.289853+06:00", time.Date(2022, 11, 14, 21, 52, 17, 289853000, time.UTC)},
		{"2026-02-03T10:00:00.000001+05:00", time.Date(2026, 2, 3, 5, 0, 0, 1000, time.UTC)},
		{"2026-02-03T10:00:00Z", time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)},
		{"2026-02-03T10:00:00", time.Time{}}, {"03.02.2026 10:00", time.Time{}}, {"", time.Time{}},
		{"9999-12-31T23:59:59-01:00", time.Time{}}, {"0000-01-01T00:00:00+05:00", time.Time{}},
	}
	for _, row := range rows {
		obs, err := decode([]byte(transaction(t, members{"createdDate": row.text})), query(t), goodConfig())
		checkSense(t, obs, err)
		if err != nil || obs.OccurredAt != row.want {
			t.Errorf("%q: %s, error %v; want %s", row.text, obs.OccurredAt, err, row.want)
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
