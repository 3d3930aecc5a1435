package configs_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
)

const eventSchema = "schema/event.schema.json"

// usd is an amount of the tests' payment, which is about 33.00 USD.
func usd(t *testing.T, amount string) payment.Money {
	t.Helper()
	m, err := payment.ParseMoney(amount, "USD")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// began is a payment that was just created, with its first event.
func began(t *testing.T) (payment.State, payment.Event) {
	t.Helper()
	c, err := payment.ParseCreated(created(t, nil), readAt())
	if err != nil {
		t.Fatal(err)
	}
	return payment.Begin(c, readAt())
}

// look is an answer in which a provider says all it could.
func look(t *testing.T, status payment.Status) payment.Look {
	o := payment.Observation{
		Status: status, Amount: usd(t, "33.00"), ProviderStatus: "S", ProviderCode: "00", ProviderMessage: "Done <in full>",
		ProviderReference: "9001", MappingVersion: "acme/1", OccurredAt: readAt().Add(time.Minute + 1),
	}
	switch status {
	case payment.PartiallyCaptured:
		o.Captured = usd(t, "10.00")
	case payment.PartiallyRefunded:
		o.Captured, o.Refunded = usd(t, "33.00"), usd(t, "5.00")
	case payment.Failed, payment.Canceled, payment.Expired:
		o.Reason = payment.ReasonDeclined
	}
	return payment.Look{Observation: o, Trigger: payment.TriggerPoll, At: readAt().Add(2 * time.Minute)}
}

// madeBy makes an event of each status in the way the worker does.
func madeBy(t *testing.T, status payment.Status) payment.Event {
	t.Helper()
	state, first := began(t)
	switch status {
	case payment.Pending:
		return first
	case payment.Unknown:
		return payment.GiveUp(state, payment.Unknown, "", look(t, payment.Processing))
	case payment.Review:
		return payment.ToReview(state, payment.ReasonRegression, look(t, payment.Pending))
	}
	if status == payment.Disputed || status == payment.ChargedBack { // only what was taken can be contested
		_, paid := payment.Apply(state, look(t, payment.Succeeded))
		state.Last = paid.Data
	}
	move, event := payment.Apply(state, look(t, status))
	if move != payment.Changed || event.Data.Status != status {
		t.Fatalf("from %s to %s: %s, %s", state.Last.Status, status, move, event.Data.Status)
	}
	return event
}

func body(t *testing.T, e payment.Event) []byte {
	t.Helper()
	text, err := e.Body()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEventSchema_TakesTheEventOfEveryStatus(t *testing.T) {
	s := schema(t, eventSchema)
	for _, status := range payment.Statuses() {
		t.Run(string(status), func(t *testing.T) {
			text := body(t, madeBy(t, status))
			if err := validate(s, text); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
			if _, err := payment.ParseEvent(text); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
		})
	}
}

func TestEventSchema_TakesWhatALifeCanHold(t *testing.T) {
	state, _ := began(t)
	plain := payment.Look{Observation: payment.Observation{Status: payment.Processing}, Trigger: payment.TriggerManual, At: readAt().Add(time.Hour)}
	_, bare := payment.Apply(state, plain)
	_, failed := payment.Apply(state, look(t, payment.Failed))
	_, late := payment.Apply(payment.State{Last: failed.Data, Origin: state.Origin}, look(t, payment.Succeeded))
	_, wrong := payment.Apply(state, payment.Look{Observation: payment.Observation{Status: payment.Succeeded, Amount: usd(t, "34.00")}, Trigger: payment.TriggerHint, At: readAt()})
	implied := madeBy(t, payment.Refunded)
	if !late.Data.Late || len(implied.Data.Implied) == 0 || wrong.Data.Reason != payment.ReasonAmountMismatch {
		t.Fatalf("late %t, implied %v, reason %q: the events are not what they should show", late.Data.Late, implied.Data.Implied, wrong.Data.Reason)
	}
	s := schema(t, eventSchema)
	for name, event := range map[string]payment.Event{
		"an answer of one word": bare, "a late success": late, "a wrong amount": wrong, "skipped statuses": implied,
		"never heard of": payment.GiveUp(state, payment.Expired, payment.ReasonNeverReachedProvider, plain),
	} {
		if err := validate(s, body(t, event)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The golden files of package payment hold every field, and none that may be absent.
func TestEventSchema_TakesTheGoldenFiles(t *testing.T) {
	s := schema(t, eventSchema)
	for _, name := range []string{"event.json", "event_first.json"} {
		text, err := os.ReadFile("../internal/payment/testdata/schema/v1/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventSchema_Refuses(t *testing.T) {
	first, changed := string(body(t, madeBy(t, payment.Pending))), string(body(t, madeBy(t, payment.Refunded)))
	tests := []struct{ name, of, old, new string }{
		{"an unknown key", changed, `{"type"`, `{"extra":1,"type"`},
		{"an unknown key in data", changed, `"data":{`, `"data":{"extra":1,`},
		{"an unknown key in money", changed, `"minor":3300,`, `"minor":3300,"extra":1,`},
		{"no type", changed, `"type":"payment.refunded",`, ``},
		{"no timestamp", changed, `"timestamp":"2026-02-03T10:02:05Z",`, ``},
		{"no payment_id", changed, `"payment_id":"p-1",`, ``},
		{"no expected money", changed, `"expected":{"amount":"33.00","minor":3300,"currency":"USD"},`, ``},
		{"no schema_version", changed, `,"schema_version":1`, ``},
		{"a type of another status", changed, `payment.refunded`, `payment.succeeded`},
		{"a type of another kind", changed, `payment.refunded`, `refund.refunded`},
		{"a status that is none", changed, `"status":"refunded"`, `"status":"paid"`},
		{"not final", changed, `"final":true`, `"final":false`},
		{"final while pending", first, `"final":false`, `"final":true`},
		{"final as text", changed, `"final":true`, `"final":"true"`},
		{"version zero", changed, `"version":2`, `"version":0`},
		{"a fraction of a version", changed, `"version":2`, `"version":2.5`},
		{"version one after another status", changed, `"version":2`, `"version":1`},
		{"version two after nothing", changed, `"previous_status":"pending",`, ``},
		{"version two without a trigger", changed, `"trigger":"poll",`, ``},
		{"a trigger in version one", first, `"final":false`, `"final":false,"trigger":"poll"`},
		{"a trigger that is none", changed, `"trigger":"poll"`, `"trigger":"guess"`},
		{"a reason that is none", changed, `"trigger":"poll"`, `"trigger":"poll","reason":"because"`},
		{"an empty reason", changed, `"trigger":"poll"`, `"trigger":"poll","reason":""`},
		{"not late, said", changed, `"final":true`, `"final":true,"late":false`},
		{"nothing implied, said", changed, `["succeeded"]`, `[]`},
		{"money without minor units", changed, `"minor":3300,`, ``},
		{"money as a number", changed, `"amount":"33.00"`, `"amount":33.00`},
		{"negative money", changed, `"minor":3300`, `"minor":-3300`},
		{"more minor units than 64 bits", changed, `"minor":3300`, `"minor":9223372036854775808`},
		{"money null", changed, `"reported":{"amount":"33.00","minor":3300,"currency":"USD"}`, `"reported":null`},
		{"a time of a zone", changed, `"observed_at":"2026-02-03T10:02:05Z"`, `"observed_at":"2026-02-03T15:02:05+05:00"`},
		{"a provider's word that is empty", changed, `"provider_status":"S"`, `"provider_status":""`},
		{"metadata null", changed, `"metadata":{"n":1.5}`, `"metadata":null`},
		{"a newer body", changed, `"schema_version":1`, `"schema_version":2`},
	}
	s := schema(t, eventSchema)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(test.of, test.old, test.new, 1)
			if text == test.of {
				t.Fatalf("%s is not in %s", test.old, test.of)
			}
			if validate(s, []byte(text)) == nil {
				t.Errorf("%s is valid", text)
			}
		})
	}
}

func TestEventSchema_HasTheClosedListsOfTheCode(t *testing.T) {
	doc := document(t, eventSchema)
	var statuses, types, unfinal []string
	for _, s := range payment.Statuses() {
		statuses, types = append(statuses, string(s)), append(types, payment.TypeOf(s))
		if !s.Final() {
			unfinal = append(unfinal, string(s))
		}
	}
	var reasons []string
	for _, r := range payment.Reasons() {
		reasons = append(reasons, string(r))
	}
	triggers := []string{string(payment.TriggerPoll), string(payment.TriggerHint), string(payment.TriggerManual), string(payment.TriggerGiveUp)}
	data := at(t, doc, "$defs", "data")
	for name, pair := range map[string]struct{ got, want []string }{
		"statuses": {words(t, doc, "$defs", "status", "enum"), statuses},
		"types":    {words(t, doc, "properties", "type", "enum"), types},
		"reasons":  {words(t, data, "properties", "reason", "enum"), reasons},
		"triggers": {words(t, data, "properties", "trigger", "enum"), triggers},
	} {
		if !slices.Equal(pair.got, pair.want) {
			t.Errorf("%s: %v, want %v", name, pair.got, pair.want)
		}
	}
	rules, ok := at(t, data, "allOf").([]any)
	if !ok || len(rules) != 2 {
		t.Fatalf("%d rules of data, want 2", len(rules))
	}
	if got := words(t, rules[1], "if", "properties", "status", "enum"); !same(got, unfinal) {
		t.Errorf("not final: %v, want %v", got, unfinal)
	}
	if v := at(t, data, "properties", "schema_version", "const"); v != json.Number("1") || payment.SchemaVersion != 1 {
		t.Errorf("schema_version %v, the code writes %d", v, payment.SchemaVersion)
	}
}

func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func TestEventSchema_HasTheFieldsOfTheCode(t *testing.T) {
	doc := document(t, eventSchema)
	var amount map[string]any
	if err := json.Unmarshal(encode(t, usd(t, "33.00")), &amount); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		of   any
		want map[string]bool // by name: always there
	}{
		{doc, fields(reflect.TypeFor[payment.Event]())},
		{at(t, doc, "$defs", "data"), fields(reflect.TypeFor[payment.Data]())},
		{at(t, doc, "$defs", "money"), map[string]bool{"amount": true, "minor": true, "currency": true}},
	} {
		properties, _ := at(t, test.of, "properties").(map[string]any)
		required := words(t, test.of, "required")
		for name, always := range test.want {
			if properties[name] == nil || slices.Contains(required, name) != always {
				t.Errorf("%s: in the schema %t, required there %t, want %t", name, properties[name] != nil, slices.Contains(required, name), always)
			}
		}
		if len(properties) != len(test.want) {
			t.Errorf("%d properties, the code has %d fields", len(properties), len(test.want))
		}
		if at(t, test.of, "additionalProperties") != false {
			t.Error("further properties are allowed")
		}
	}
	if len(amount) != 3 {
		t.Errorf("money has the fields %v", amount)
	}
}

// fields are a struct's fields in JSON; true for those that are always written.
func fields(of reflect.Type) map[string]bool {
	all := map[string]bool{}
	for i := range of.NumField() {
		name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		all[name] = !strings.HasPrefix(options, "omit")
	}
	return all
}
