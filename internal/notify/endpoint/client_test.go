package endpoint

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/secret"
)

// client gives an endpoint that exists a client certificate.
func (s *stage) client(merchant, id string, c webhooktest.Certificate) {
	s.Helper()
	s.given = append(s.given, strings.Split(c.Key, "\n")[1], "BEGIN")
	sealed, err := s.store.sealer.SealClient(merchant, id, webhook.ClientCertificate{Chain: secret.New(c.Chain), Key: secret.New(c.Key)})
	if err != nil {
		s.Fatal(err)
	}
	s.change(merchant, func(d *Document) {
		r := &d.Endpoints[d.Find(id)]
		r.Client, r.CAs = &sealed, c.Chain
	})
}

func TestLive_GivesTheClientCertificate_WithAKeyThatIsSealedAtRest(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		first, second := webhooktest.Make(s.T, "first", time.Now().Add(time.Minute)), webhooktest.Make(s.T, "second", time.Now().Add(time.Minute))
		s.add("shop", "orders")
		s.add("shop", "other")
		for _, c := range []webhooktest.Certificate{first, second} {
			s.client("shop", "orders", c)
			e := s.find(l, "shop", "orders")
			if e.Disabled || e.Client.Chain.Reveal() != c.Chain || e.Client.Key.Reveal() != c.Key || e.CAs.Reveal() != c.Chain {
				s.Error("it is not what was set")
			}
			if printed := fmt.Sprintf("%+v %#v", e, e); strings.Contains(printed, "BEGIN") {
				s.Error("PEM shows in the endpoint")
			}
			value, _, err := s.store.get(s.Context(), merchantKey("shop"))
			if err != nil || strings.Contains(string(value), strings.Split(c.Key, "\n")[1]) || strings.Contains(string(value), "PRIVATE KEY") {
				s.Errorf("the key is in the bucket, %v", err)
			}
		}
		if !s.find(l, "shop", "other").Client.IsZero() {
			s.Error("another endpoint has it too")
		}
		time.Sleep(2 * time.Minute) // it has expired, and is asked for by a worker that begins now
		if e := s.find(s.live(nil), "shop", "orders"); e.Disabled || e.Client.IsZero() {
			s.Error("what it misses would be skipped, and not tried again")
		}
	})
}

func TestLive_DisablesAnEndpoint_WhoseClientKeyIsOfAnotherPlace(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		s.add("shop", "orders")
		s.add("shop", "other")
		s.client("shop", "orders", webhooktest.Make(s.T, "first", time.Now().AddDate(0, 1, 0)))
		s.change("shop", func(d *Document) { d.Endpoints[1].Client = d.Endpoints[0].Client })
		if s.find(l, "shop", "orders").Disabled || !s.find(l, "shop", "other").Disabled {
			s.Error("a key opens where it does not belong, or not where it does")
		}
		if !strings.Contains(s.logs.String(), "client certificate's key can't be opened") {
			s.Errorf("logged:\n%s", s.logs)
		}
	})
}

func TestDocument_IsOfTheOldestVersionThatHoldsIt(t *testing.T) {
	plain := Record{ID: "a"}
	for want, records := range map[string][]Record{
		`{"schema":1,`: {plain},
		`{"schema":2,`: {plain, {ID: "b", Client: &SealedCertificate{}}},
	} {
		// It goes back to 1 when the reason for 2 is gone.
		value, err := (Document{Schema: 2, Merchant: "shop", Endpoints: records}).encode()
		if err != nil || !strings.HasPrefix(string(value), want) {
			t.Errorf("%s, %v, want %s", value, err, want)
		}
		if d, err := parseDocument("shop", value); err != nil || len(d.Endpoints) != len(records) {
			t.Errorf("%+v, %v", d, err)
		}
	}
	value, err := (Document{Merchant: "shop", Endpoints: []Record{{ID: "a", CAs: "x"}}}).encode()
	if err != nil || !strings.HasPrefix(string(value), `{"schema":2,`) {
		t.Errorf("%s, %v", value, err)
	}
	for text, want := range map[string]error{`{"schema":3,"merchant":"shop"}`: ErrNewer, `{"schema":0,"merchant":"shop"}`: errNoDocument} {
		if _, err := parseDocument("shop", []byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
