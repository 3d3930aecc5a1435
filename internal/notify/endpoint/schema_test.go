package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/schematest"
)

const schemas = "testdata/schema/"

func made() time.Time { return time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC) }

// storedDocument is what stands in a golden file: the second version has what the
// first one could not hold. What was sealed, key("k1", 'a') sealed.
func storedDocument(version int) Document {
	r := Record{
		ID: "orders", URL: "https://shop.example/hooks", Events: []string{"payment.*"}, Signing: SigningBoth,
		Secrets: []Sealed{
			{ID: "s1", Scheme: webhook.SchemeV1, Text: "k1.MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3NNCv1RAvQbpdF4b5HFjyLKlqYh1XJSL1350ks1s", CreatedAt: made(), ExpiresAt: made().Add(24 * time.Hour)},
			{ID: "s2", Scheme: webhook.SchemeV1a, Text: "k1.ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm6SySJ7l8ugunxqKSBsBaj0wcHKiigHRWk00cXzM", Public: "whpk_dGhlIHB1YmxpYyBrZXksIG5vIHNlY3JldCBhdCBhbGw=", CreatedAt: made()},
		},
		Headers: []SealedHeader{{Name: "X-Api-Key", Text: "k1.MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3NNCv1QsvQ6xdEWlVNml40z/NkZxQY3ArYCE"}}, Rate: 2.5, Concurrency: 4,
		Schedule: []time.Duration{0, time.Minute}, Format: "thin", CreatedAt: made(), UpdatedAt: made().Add(time.Hour),
	}
	if version > 1 {
		r.Client = &SealedCertificate{Chain: "-----BEGIN CERTIFICATE-----\n", Key: "k1.ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm6SySJ6F8oHtIeIpEvlhlrKBpElCPDuU"}
		r.CAs = "-----BEGIN CERTIFICATE-----\n"
	}
	return Document{Schema: version, Merchant: "shop", Endpoints: []Record{r}}
}

func TestSchema_DocumentsOfBothVersionsAreRead(t *testing.T) {
	var all [][]byte
	for version := 1; version <= documentSchema; version++ {
		golden, want := schematest.Read(t, fmt.Sprintf("%sv%d/endpoints.json", schemas, version)), storedDocument(version)
		got, err := parseDocument("shop", golden)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
		}
		if value, err := want.encode(); err != nil || !bytes.Equal(value, golden) {
			t.Errorf("written as\n%s, %v; want\n%s", value, err, golden)
		}
		for _, later := range schematest.Newer(t, golden, "schema") {
			if _, err := parseDocument("shop", later); !errors.Is(err, ErrNewer) {
				t.Errorf("%s: %v, want it left to newer code", later, err)
			}
		}
		all = append(all, golden)
	}
	schematest.Complete(t, Document{}, all...)
}

func TestSchema_WhatWasSealedIsOpened(t *testing.T) {
	r, s := storedDocument(2).Endpoints[0], sealer(t, key("k1", 'a'))
	for _, sealed := range r.Secrets {
		if text, err := s.Open(sealed.Text, name{"shop", "orders"}.about(fieldSecret, sealed.ID)); err != nil || text.Reveal() != "the secret "+sealed.ID {
			t.Errorf("%s: opened as %q, %v", sealed.ID, text.Reveal(), err)
		}
	}
	if text, err := s.OpenHeader("shop", "orders", r.Headers[0]); err != nil || text.Reveal() != "the header" {
		t.Errorf("the header: opened as %q, %v", text.Reveal(), err)
	}
	if c, err := s.OpenClient("shop", "orders", *r.Client); err != nil || c.Key.Reveal() != "the key" || c.Chain.Reveal() != r.Client.Chain {
		t.Errorf("the client certificate: opened as %q, %v", c.Key.Reveal(), err)
	}
}

func TestSchema_AStateOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, schemas+"v1/state.json")
	want := storedState()
	got, err := parseState(golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if value, err := want.encode(); err != nil || !bytes.Equal(value, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", value, err, golden)
	}
	schematest.Complete(t, State{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema") {
		if is, err := parseState(later); !errors.Is(err, ErrNewer) || is.On() {
			t.Errorf("%s: %v, on %v; want it left to newer code, and nothing sent", later, err, is.On())
		}
	}
}

func storedState() State {
	return State{
		Schema: 1, Status: Disabled, Since: made(), Reason: Failing, FailingSince: made().Add(-DefaultDisableAfter), Told: 100, Alarmed: true,
		ChangedAt: made(), Owed: []Event{{
			ID: "evt_3c27222f09b35d8b0e7e535d", Type: TypeDisabled, At: made(), Share: 100, Reason: Failing,
			FailingSince: made().Add(-DefaultDisableAfter), DisablesAt: made(),
		}},
	}
}
