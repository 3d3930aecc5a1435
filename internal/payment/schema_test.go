package payment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/schematest"
)

const schemas = "testdata/schema/v1/"

// That it is read, and written, as what it is, TestEventBody_IsTheGoldenFile and
// TestParseEvent_ReadsWhatBodyWrites show.
func TestSchema_AnEventsFieldsAreThoseOfTheFirstVersion(t *testing.T) {
	golden := schematest.Read(t, schemas+"event.json")
	schematest.Complete(t, payment.Event{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema_version") {
		var newer *payment.NewerSchemaError
		if _, err := payment.ParseEvent(later); !errors.As(err, &newer) || newer.Version != schematest.Later {
			t.Errorf("%s: %v, want it left to newer code", later, err)
		}
	}
}

// Created events are others': they carry no version, and what is new in them is
// passed over.
func TestSchema_ACreatedEventOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, schemas+"created.json")
	at := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	want := payment.Created{
		ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "finipay-main", Reference: payment.Reference{"order_number": "ORDER-1"},
		Expected: cashIn(3300, "EUR"), CreatedAt: at, ExpiresAt: at.Add(30 * time.Minute), Metadata: json.RawMessage(`{"cart":["a",1]}`),
	}
	for name, body := range map[string][]byte{
		"as it is":        golden,
		"with new fields": bytes.Replace(golden, []byte(`{"id"`), []byte(`{"schema_version":999,"later":{"x":[]},"id"`), 1),
	} {
		got, err := payment.ParseCreated(body, at)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read as\n%+v, %v; want\n%+v", name, got, err, want)
		}
		// Stored with each payment: another digest makes a conflict of a repetition.
		if digest := got.Digest(); digest != "9ec4ea1ee49b3631e7634b3b870ce0e9" {
			t.Errorf("%s: the digest is %s", name, digest)
		}
	}
}
