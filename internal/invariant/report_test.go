package invariant_test

import (
	"encoding/json"
	"strings"
	"testing"

	"reconciler/internal/invariant"
)

func TestStory_TellsAPaymentInTimeOrder(t *testing.T) {
	h := validHistory()
	lookAt(&h, "p-open", 1).TooSoon = true
	want := strings.Join([]string{
		`m-1/p-open`,
		`  2026-03-01T12:00:01.000Z  created  sequence 1: 100.00 USD at "bank", content D1`,
		`  2026-03-01T12:00:03.000Z  event    sequence 2: version 1 pending after "", trigger "", reason "", implied [], late false, captured no amount, refunded no amount, observed 2026-03-01T12:00:02.000Z, id ID`,
		`  2026-03-01T12:00:04.000Z  receipt  endpoint "all" of merchant "m-1": ID, verified true, taken true`,
		`  2026-03-01T12:00:05.000Z  attempt  version 1 to endpoint "all": delivered`,
		`  2026-03-01T12:00:06.000Z  look     "bank" told: pending, captured no amount, refunded no amount, answered 2026-03-01T12:00:07.000Z, too soon`,
		`  AGAIN  created  sequence 68: 100.00 USD at "bank", content D1`,
		`  CREATED  created  sequence 69: 200.00 USD at "bank", content D2`,
		`  DEAD  dead     intake: conflict, from PAYMENTS sequence 69, endpoint "" version 0`,
		`  POLL  pending  timer poll, endpoint "" version 0`,
		``,
	}, "\n")
	again, other := inputOf(&h, "e-again"), deadOf(&h, invariant.ReasonConflict)
	layout := "2006-01-02T15:04:05.000Z"
	want = strings.NewReplacer(
		"ID", eventAt(&h, "p-open", 1).ID,
		"D1", eventAt(&h, "p-open", 1).Digest,
		"AGAIN", again.Time.Format(layout), "DEAD", other.Time.Format(layout),
		"CREATED", h.Created[indexOf(h, other.SourceSeq)].Time.Format(layout),
		"POLL", pollOf(&h, "p-open").DueAt.Format(layout),
		"sequence 68", "sequence "+number(again.Seq), "sequence 69", "sequence "+number(other.SourceSeq),
		"D2", digestOf(h, other.SourceSeq),
	).Replace(want)
	if got := invariant.Story(h, "m-1", "p-open"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStory_TellsWhatCantBeRead(t *testing.T) {
	h := validHistory()
	eventAt(&h, "p-late", 2).Body = []byte("{")
	lookAt(&h, "p-late", 1).Answered = false
	lookAt(&h, "p-late", 2).Known = false
	got := invariant.Story(h, "m-1", "p-late")
	for _, want := range []string{"unreadable: read event", "told: no answer", "told: not found, answered 2026-", "version 3 succeeded"} {
		if !strings.Contains(got, want) {
			t.Errorf("the story lacks %q:\n%s", want, got)
		}
	}
}

func TestStory_HoldsNoBodies(t *testing.T) {
	h := validHistory()
	pollOf(&h, "p-open").Body = []byte("marker")
	h.Attempts[0].Body, h.Dead[0].Body, h.Receipts[0].Body = []byte("marker"), []byte("marker"), []byte("marker")
	if got := invariant.Story(h, "m-1", "p-open") + invariant.Report(h, invariant.Check(h)); strings.Contains(got, "marker") {
		t.Errorf("a body is in it:\n%s", got)
	}
}

func TestReport_GroupsByRuleAndTellsTheFirstStories(t *testing.T) {
	h := validHistory()
	for _, id := range []string{"p-open", "p-late", "p-wrong", "p-unknown"} {
		pollOf(&h, id).Account = "bank-2"
		if id != "p-open" {
			lookAt(&h, id, 1).TooSoon = true
		}
	}
	h.Receipts[0].EventID = "evt_none"
	got := invariant.Report(h, invariant.Check(h))
	for _, rule := range []int{1, 5, 7} {
		if heads := strings.Count(got, invariant.Rule(rule)); heads != 1 {
			t.Errorf("rule %d has %d headings", rule, heads)
		}
	}
	if stories := strings.Count(got, "  created  "); stories < 3 || strings.Count(got, "\n\n") != 3 {
		t.Errorf("want three stories:\n%s", got)
	}
	if !strings.Contains(got, "\n  m-1/p-open: has a pending poll at account \"bank-2\", not \"bank\"\n") {
		t.Errorf("the violation is not named:\n%s", got)
	}
	if invariant.Report(h, nil) != "" {
		t.Error("nothing broken must report nothing")
	}
}

func TestRule_HasWordsForEachNumber(t *testing.T) {
	for number := 1; number <= 9; number++ {
		if invariant.Rule(number) == "" {
			t.Errorf("rule %d has no words", number)
		}
	}
	if invariant.Rule(0) != "" || invariant.Rule(10) != "" {
		t.Error("there are nine rules")
	}
}

func TestViolation_ReadsWellAsTextAndJSON(t *testing.T) {
	v := invariant.Violation{Rule: 2, Payment: "m/p", Detail: "a gap"}
	if v.String() != "rule 2: m/p: a gap" {
		t.Errorf("got %q", v)
	}
	v.Payment = ""
	if v.String() != "rule 2: a gap" {
		t.Errorf("got %q", v)
	}
	if got, _ := json.Marshal(v); string(got) != `{"rule":2,"detail":"a gap"}` {
		t.Errorf("got %s", got)
	}
}
