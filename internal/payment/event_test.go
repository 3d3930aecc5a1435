package payment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
)

// fullEvent is the event of testdata/schema/v1/event.json: every field is set.
func fullEvent() payment.Event {
	at := time.Date(2026, 2, 4, 9, 30, 0, 1, time.UTC)
	return payment.Event{Type: "payment.refunded", Timestamp: at, Data: payment.Data{
		PaymentID: "p-1/ü", MerchantID: "m.1", Account: "finipay-main", Version: 4,
		Status: payment.Refunded, PreviousStatus: payment.Pending, Implied: []payment.Status{payment.Succeeded},
		Final: true, Late: true, Trigger: payment.TriggerHint,
		Expected: cash(3300), Reported: cash(3300), Captured: cash(3300), Refunded: cash(3300),
		Reason: payment.ReasonProviderOther, ProviderStatus: "RFND", ProviderCode: "00",
		ProviderMessage: "Refunded <in full> & closed", ProviderReference: "9001", MappingVersion: "finipay/1",
		OccurredAt: at.Add(-2*time.Second - 1), ObservedAt: at,
		Metadata: json.RawMessage(`{"order":"A&B","n":1.50}`), SchemaVersion: 1,
	}}
}

// firstEvent is the event of testdata/schema/v1/event_first.json: nothing optional is set.
func firstEvent() payment.Event {
	_, event := payment.Begin(payment.Created{
		ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "finipay-main", Expected: cashIn(500, "JPY"),
	}, time.Date(2026, 2, 3, 15, 0, 1, 0, time.FixedZone("", 5*3600)))
	return event
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "schema", "v1", name))
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func TestEventBody_IsTheGoldenFile(t *testing.T) {
	for name, event := range map[string]payment.Event{"event.json": fullEvent(), "event_first.json": firstEvent()} {
		got, err := event.Body()
		if err != nil {
			t.Fatal(err)
		}
		if want := golden(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, want)
		}
	}
}

func TestParseEvent_ReadsWhatBodyWrites(t *testing.T) {
	for name, want := range map[string]payment.Event{"event.json": fullEvent(), "event_first.json": firstEvent()} {
		body := golden(t, name)
		got, err := payment.ParseEvent(body)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", name, got, want)
		}
		again, err := got.Body()
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%s: written again it is %s, %v", name, again, err)
		}
	}
}

func TestParseEvent_IgnoresFieldsItDoesNotKnow(t *testing.T) {
	body := strings.Replace(string(golden(t, "event.json")), `"data":{`, `"extra":1,"data":{"extra":{},`, 1)
	got, err := payment.ParseEvent([]byte(body))
	if err != nil || !reflect.DeepEqual(got, fullEvent()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseEvent_Refuses(t *testing.T) {
	tests := []struct{ name, old, new, field string }{
		{"no payment_id", `"payment_id":"p-1/ü",`, ``, "data.payment_id"},
		{"a control character in payment_id", `p-1/ü`, `p\u0000`, "data.payment_id"},
		{"no merchant_id", `"m.1"`, `""`, "data.merchant_id"},
		{"no provider", `"provider":"finipay-main"`, `"provider":null`, "data.provider"},
		{"a long provider", `finipay-main`, strings.Repeat("x", 129), "data.provider"},
		{"no status", `"status":"refunded",`, ``, "data.status"},
		{"a status that is none", `"status":"refunded"`, `"status":"paid"`, "data.status"},
		{"a type of another status", `payment.refunded`, `payment.succeeded`, "data.status"},
		{"a type of another kind", `payment.refunded`, `refund.refunded`, "data.status"},
		{"no type", `"type":"payment.refunded",`, ``, "data.status"},
		{"no version", `"version":4,`, ``, "data.version"},
		{"a version below one", `"version":4`, `"version":-4`, "data.version"},
		{"version one after another status", `"version":4`, `"version":1`, "data.version"},
		{"version four after nothing", `"previous_status":"pending",`, ``, "data.version"},
		{"a previous status that is none", `"previous_status":"pending"`, `"previous_status":"new"`, "data.previous_status"},
		{"no expected money", `"expected":{"amount":"33.00","minor":3300,"currency":"USD"},`, ``, "data.expected"},
		{"expected null", `"expected":{"amount":"33.00","minor":3300,"currency":"USD"}`, `"expected":null`, "data.expected"},
		{"a reason that is not on the list", `"reason":"provider_other"`, `"reason":"because"`, "data.reason"},
		{"no schema_version", `,"schema_version":1`, ``, "data.schema_version"},
		{"a negative schema_version", `"schema_version":1`, `"schema_version":-1`, "data.schema_version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := payment.ParseEvent(changed(t, test.old, test.new))
			var fault *payment.FieldError
			if !errors.As(err, &fault) || fault.Field != test.field {
				t.Errorf("got %v, want a fault of %s", err, test.field)
			}
		})
	}
}

// changed is the golden event with one text replaced.
func changed(t *testing.T, old, new string) []byte {
	t.Helper()
	body := string(golden(t, "event.json"))
	if !strings.Contains(body, old) {
		t.Fatalf("the golden event holds no %s", old)
	}
	return []byte(strings.Replace(body, old, new, 1))
}

func TestParseEvent_RefusesWhatCantBeDecoded(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"a version that is text", `"version":4`, `"version":"4"`},
		{"money below zero", `"minor":3300`, `"minor":-3300`},
		{"money that disagrees with itself", `"minor":3300`, `"minor":3301`},
		{"money of no currency", `"currency":"USD"`, `"currency":"XQQ"`},
		{"a time that is none", `"observed_at":"2026-02-04T`, `"observed_at":"2026-02-04 `},
		{"cut off", `"schema_version":1}}`, `"schema_version":1}`},
		{"text behind it", `"schema_version":1}}`, `"schema_version":1}} x`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := payment.ParseEvent(changed(t, test.old, test.new))
			var newer *payment.NewerSchemaError
			if err == nil || errors.As(err, &newer) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := payment.ParseEvent(nil); err == nil {
		t.Error("nothing at all was read as an event")
	}
}

func TestParseEvent_LeavesANewerSchemaToNewerCode(t *testing.T) {
	bodies := map[string][]byte{
		"same fields":        changed(t, `"schema_version":1`, `"schema_version":2`),
		"a status of then":   bytes.Replace(changed(t, `"schema_version":1`, `"schema_version":2`), []byte(`"status":"refunded"`), []byte(`"status":"split"`), 1),
		"a field's new type": bytes.Replace(changed(t, `"schema_version":1`, `"schema_version":2`), []byte(`"reason":"provider_other"`), []byte(`"reason":{"code":1}`), 1),
	}
	for name, body := range bodies {
		_, err := payment.ParseEvent(body)
		var newer *payment.NewerSchemaError
		if !errors.As(err, &newer) || newer.Version != 2 {
			t.Errorf("%s: got %v, want a *NewerSchemaError of version 2", name, err)
		}
	}
}

func TestEventID_IsOnePerPaymentAndVersion(t *testing.T) {
	shape := regexp.MustCompile(`^evt_[0-9a-f]{24}_[0-9]+$`)
	seen := map[string]string{}
	for _, of := range []struct {
		merchant, payment string
		version           int
	}{
		{"m-1", "p-1", 1}, {"m-1", "p-1", 2}, {"m-1", "p-1", 12}, {"m-1", "p-2", 1}, {"m-2", "p-1", 1},
		{"m-1:p", "-1", 1}, {"m-1", ":p-1", 1}, {"m", "-1:p-1", 1}, {"1:m", "p", 1}, {"", "", 1},
	} {
		id := payment.EventID(of.merchant, of.payment, of.version)
		if !shape.MatchString(id) {
			t.Errorf("%q is not of the form %s", id, shape)
		}
		if id != payment.EventID(of.merchant, of.payment, of.version) {
			t.Errorf("%v has two ids", of)
		}
		name := of.merchant + "|" + of.payment
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s share the id %s", name, other, id)
		}
		seen[id] = name
	}
	e := fullEvent()
	if e.ID() != payment.EventID("m.1", "p-1/ü", 4) {
		t.Error("the event's id is not that of its payment and version")
	}
	// Merchants keep these ids: another formula would make every replay a new event.
	if got := firstEvent().ID(); got != "evt_80b2e753932071fc256b40dd_1" {
		t.Errorf("the id of a known event is now %s", got)
	}
}

func TestStatusOf_TellsEveryTypeApart(t *testing.T) {
	for _, s := range payment.Statuses() {
		if got, ok := payment.StatusOf(payment.TypeOf(s)); !ok || got != s {
			t.Errorf("type of %s gives %s, %t", s, got, ok)
		}
	}
	for _, other := range []string{"", "payment.", "payment.paid", "succeeded", "refund.succeeded", "payment.payment.succeeded"} {
		if s, ok := payment.StatusOf(other); ok {
			t.Errorf("%q announces %s", other, s)
		}
	}
}

func TestReason_IsOfAClosedList(t *testing.T) {
	seen := map[payment.Reason]bool{}
	for _, r := range payment.Reasons() {
		if !r.Valid() || r == "" || seen[r] {
			t.Errorf("%q is not valid, empty or listed twice", r)
		}
		seen[r] = true
	}
	if len(seen) != 27 {
		t.Errorf("%d reasons, want 27", len(seen))
	}
	if !payment.Reason("").Valid() || payment.Reason("Declined").Valid() || payment.Reason("other").Valid() {
		t.Error("absent must be valid, other words not")
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, name := range []string{"event.json", "event_first.json"} {
		body, err := os.ReadFile(filepath.Join("testdata", "schema", "v1", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, seed := range []string{"", "{}", "null", `{"data":{"schema_version":9}}`, `{"data":{"schema_version":1e9}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := payment.ParseEvent(body)
		if err != nil {
			if !reflect.DeepEqual(event, payment.Event{}) {
				t.Error("an error comes with an event")
			}
			return
		}
		d := event.Data
		if !d.Status.Valid() || d.Version < 1 || !d.Expected.Known() || d.SchemaVersion != payment.SchemaVersion {
			t.Errorf("believed %+v", d)
		}
		first, err := event.Body()
		if err != nil {
			t.Fatalf("can't be written again: %v", err)
		}
		read, err := payment.ParseEvent(first)
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if second, err := read.Body(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("written twice it differs:\n%s\n%s\n%v", first, second, err)
		}
	})
}
