package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/secret"
)

func TestLive_HearsOfChanges_WithoutARestart(t *testing.T) {
	inBubble(t, func(s *stage) {
		first := s.live(nil)
		if got := first.For("shop"); len(got) != 0 {
			s.Fatalf("endpoints of nobody: %v", got)
		}
		s.add("shop", "orders")
		second := s.live(nil) // began later
		for _, l := range []*Live{first, second} {
			e := s.find(l, "shop", "orders")
			if e.Disabled || e.Merchant != "shop" || e.URL != "https://orders.example/hooks" || e.Rate != 5 || e.Concurrency != 3 ||
				len(e.Schedule) != 2 || e.Format != notify.FormatThin || e.Signer == nil || len(e.Events) != 1 {
				s.Errorf("%+v", e)
			}
			if e.Secrets[0].Reveal() != s.given[1] || e.Headers[0].Value.Reveal() != s.given[0] {
				s.Error("the secrets are not those that were sealed")
			}
			if got := l.For("shop"); len(got) != 1 || got[0].ID != "orders" {
				s.Errorf("For: %v", got)
			}
		}
		if _, changed, err := s.store.Do(s.Context(), "shop", "orders", Pause); err != nil || !changed {
			s.Fatal(changed, err)
		}
		settled()
		if !s.find(first, "shop", "orders").Disabled || !s.find(second, "shop", "orders").Disabled {
			s.Error("a paused endpoint is told of events")
		}
		if _, _, err := s.store.Do(s.Context(), "shop", "orders", Resume); err != nil {
			s.Fatal(err)
		}
		settled()
		if s.find(first, "shop", "orders").Disabled {
			s.Error("the pause never ends")
		}
		s.change("shop", func(d *Document) { d.Endpoints = nil })
		if _, ok := first.Find("shop", "orders"); ok {
			s.Error("a removed endpoint is still there")
		}
		if err := s.store.bucket.Load().kv.Purge(s.Context(), merchantKey("shop")); err != nil {
			s.Fatal(err)
		}
		settled()
		if got := second.For("shop"); len(got) != 0 {
			s.Errorf("%v after the key is gone", got)
		}
	})
}

func TestLive_TheConfigurationWins_AndBothPlacesAreNamed(t *testing.T) {
	inBubble(t, func(s *stage) {
		own := notify.Endpoint{ID: "orders", Merchant: "shop", URL: "https://configured.example", Secrets: []secret.Text{secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}
		l := s.live(func(o *Options) { o.Configured = []notify.Endpoint{own} })
		s.add("shop", "orders")
		s.add("shop", "other")
		if e := s.find(l, "shop", "orders"); e.URL != own.URL || e.Signer == nil || e.Concurrency != notify.DefaultConcurrency {
			s.Errorf("%+v", e)
		}
		if got := l.For("shop"); len(got) != 2 || got[1].ID != "other" {
			s.Errorf("%v", got)
		}
		for _, word := range []string{"configuration (endpoints)", "bucket RECON_ENDPOINTS", `"alarm":true`} {
			if !strings.Contains(s.logs.String(), word) {
				s.Errorf("no word about %q in\n%s", word, s.logs)
			}
		}
		// Endpoints of the configuration have states too.
		if _, _, err := s.store.Do(s.Context(), "shop", "orders", Disable); err != nil {
			s.Fatal(err)
		}
		settled()
		if !s.find(l, "shop", "orders").Disabled {
			s.Error("it can't be switched off")
		}
		own.URL = "ftp://x"
		if _, err := New(s.Context(), Options{Broker: s.b, Configured: []notify.Endpoint{own}}); err == nil {
			s.Error("a faulty endpoint of the configuration is taken")
		}
	})
}

func TestLive_NothingOfOneMerchantOpensAtAnother(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		r := s.add("shop", "orders")
		s.add("shop", "second")
		value, _, err := s.store.get(s.Context(), merchantKey("shop"))
		if err != nil {
			s.Fatal(err)
		}
		for _, text := range s.given {
			if bytes.Contains(value, []byte(text)) {
				s.Error("a secret stands in the bucket")
			}
		}
		s.put(merchantKey("thief"), value) // the whole value under another key
		if got := l.For("thief"); len(got) != 0 {
			s.Errorf("the thief has %d endpoints", len(got))
		}
		mine := r
		mine.URL = "https://thief.example"
		s.put(merchantKey("thief"), nil)
		for name, change := range map[string]func(*Document){
			"same id, another merchant": func(d *Document) { d.Endpoints = []Record{mine} },
			"another id": func(d *Document) {
				d.Endpoints = []Record{mine}
				d.Endpoints[0].ID = "other"
			},
		} {
			value, err := func() ([]byte, error) {
				d := Document{Merchant: "thief"}
				change(&d)
				return d.encode()
			}()
			if err != nil {
				s.Fatal(err)
			}
			s.put(merchantKey("thief"), value)
			got := l.For("thief")
			if len(got) != 1 || !got[0].Disabled || len(got[0].Secrets)+len(got[0].Headers) > 0 || got[0].Signer != nil {
				s.Errorf("%s: %+v", name, got)
			}
		}
		// A secret as the value of a header, and of an endpoint of the same merchant.
		s.change("shop", func(d *Document) {
			d.Endpoints[1].Secrets = d.Endpoints[0].Secrets
			d.Endpoints[0].Headers[0] = SealedHeader{Name: d.Endpoints[0].Secrets[0].ID, Text: d.Endpoints[0].Secrets[0].Text}
		})
		for _, e := range l.For("shop") {
			if !e.Disabled || len(e.Headers) > 0 && e.Headers[0].Value.Reveal() == s.given[1] {
				s.Errorf("%s opens what was sealed elsewhere", e.ID)
			}
		}
		if !strings.Contains(s.logs.String(), "endpoint.unusable") {
			s.Error("nobody was called")
		}
	})
}

func TestLive_LeavesOutSecrets_WhenTheirTimeIsOver(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		s.add("shop", "orders")
		ends := time.Now().Add(24 * time.Hour).UTC()
		s.change("shop", func(d *Document) {
			old := d.Endpoints[0].Secrets[0]
			old.ExpiresAt = ends
			d.Endpoints[0].Secrets = []Sealed{s.made("shop", "orders", "s2"), old}
		})
		old, fresh := s.given[1], s.given[2]
		reveal := func() (all []string) {
			for _, text := range s.find(l, "shop", "orders").Secrets {
				all = append(all, text.Reveal())
			}
			return all
		}
		time.Sleep(time.Until(ends) - 1)
		if got := reveal(); len(got) != 2 || got[0] != fresh || got[1] != old {
			s.Errorf("%d secrets before the end, want both, the new one first", len(got))
		}
		signature, err := s.find(l, "shop", "orders").Signer.Sign("evt_1", time.Now(), nil)
		if err != nil || strings.Count(signature, "v1,") != 2 {
			s.Errorf("signed as %q, %v", signature, err)
		}
		time.Sleep(time.Nanosecond)
		if got := reveal(); len(got) != 1 || got[0] != fresh {
			s.Errorf("%d secrets after the end", len(got))
		}
		late := s.live(nil)
		if got := s.find(late, "shop", "orders"); len(got.Secrets) != 1 {
			s.Errorf("a worker that began later has %d secrets", len(got.Secrets))
		}
	})
}

func TestLive_DisablesWhatItCanNotOpen(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		other := s.live(func(o *Options) { o.Keys = []Key{key("k2", 'b')} })
		if e := s.find(other, "shop", "orders"); !e.Disabled || len(e.Secrets) > 0 {
			s.Errorf("%+v", e)
		}
		if logs := s.logs.String(); strings.Count(logs, "endpoint.unusable") != 1 || !strings.Contains(logs, ErrKeyAbsent.Error()) {
			s.Errorf("logged:\n%s", logs)
		}
		without := s.live(func(o *Options) { o.Keys = nil })
		if _, ok := without.Find("shop", "orders"); ok {
			s.Error("without keys there are endpoints of run time")
		}
		if _, err := without.store.Sealer(); !errors.Is(err, ErrNoKeys) {
			s.Errorf("%v", err)
		}
	})
}

func TestLive_LeavesValuesOfANewerVersionAlone(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		s.add("shop", "orders")
		later := s.deaf(nil)
		newer := []byte(`{"schema":3,"endpoints":"elsewhere"}`)
		s.put(merchantKey("shop"), newer)
		s.run(later)
		for _, l := range []*Live{l, later} {
			if e := s.find(l, "shop", "orders"); e.Disabled {
				s.Error("what was known is forgotten")
			}
		}
		if err := s.store.Change(s.Context(), "shop", func(*Document) error { return nil }); !errors.Is(err, ErrNewer) {
			s.Errorf("changed: %v", err)
		}
		state := []byte(`{"schema":3,"status":"resting"}`)
		s.put(stateKey(name{"shop", "orders"}), state)
		if !s.find(l, "shop", "orders").Disabled {
			s.Error("a state nobody here understands counts as enabled")
		}
		for _, action := range []notify.Action{notify.Delivered, notify.Retry, notify.Disable} {
			l.Report(s.Context(), "shop", "orders", action)
		}
		if _, _, err := s.store.Do(s.Context(), "shop", "orders", Enable); !errors.Is(err, ErrNewer) {
			s.Errorf("switched on: %v", err)
		}
		for key, want := range map[string][]byte{merchantKey("shop"): newer, stateKey(name{"shop", "orders"}): state} {
			if got, _, err := s.store.get(s.Context(), key); err != nil || !bytes.Equal(got, want) {
				s.Errorf("%s is %s now, %v", key, got, err)
			}
		}
		// What is broken changes nothing either, and calls somebody.
		s.put(merchantKey("shop"), []byte(`{`))
		s.find(l, "shop", "orders")
		if !strings.Contains(s.logs.String(), "endpoints.unreadable") {
			s.Error("nobody was called")
		}
	})
}

func TestLive_CarriesOn_WhenItsBucketIsDeletedAndMadeAnew(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		s.add("shop", "orders")
		s.add("shop", "second")
		l.Report(s.Context(), "shop", "orders", notify.Disable)
		if err := s.b.JetStream().DeleteKeyValue(s.Context(), Bucket); err != nil {
			s.Fatal(err)
		}
		settled()
		s.find(l, "shop", "second") // until it is known that there is another bucket
		time.Sleep(pulse + again + time.Second)
		synctest.Wait()
		if got := l.For("shop"); len(got) != 0 {
			s.Errorf("%d endpoints of a bucket that is gone", len(got))
		}
		if !strings.Contains(s.logs.String(), "endpoints.bucket_new") {
			s.Error("nobody was called")
		}
		if _, err := s.store.open(s.Context()); err != nil {
			s.Fatal(err)
		}
		s.add("shop", "orders")
		if s.find(l, "shop", "orders").Disabled {
			s.Error("the state of the old bucket holds on")
		}
		l.Report(s.Context(), "shop", "orders", notify.Disable)
		if !s.find(l, "shop", "orders").Disabled {
			s.Error("410 disables nothing in the new bucket")
		}
	})
}

func TestLive_BeginsAgain_WhenTheBucketIsAnotherOneOfTheSameName(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.live(nil)
		s.add("shop", "orders")
		if err := s.b.JetStream().DeleteKeyValue(s.Context(), Bucket); err != nil {
			s.Fatal(err)
		}
		if _, err := s.store.open(s.Context()); err != nil { // somebody was quicker than the pulse
			s.Fatal(err)
		}
		s.add("kiosk", "orders")
		time.Sleep(pulse + again + time.Second)
		synctest.Wait()
		if _, ok := l.Find("shop", "orders"); ok {
			s.Error("an endpoint of the old bucket is still there")
		}
		s.find(l, "kiosk", "orders")
	})
}

func TestStore_ChangesLoseNothingOfEachOther(t *testing.T) {
	inBubble(t, func(s *stage) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				err := s.store.Change(s.Context(), "shop", func(d *Document) error {
					d.Endpoints = append(d.Endpoints, Record{ID: fmt.Sprint("e", i)})
					return nil
				})
				if err != nil {
					s.Error(err)
				}
			})
		}
		all.Wait()
		if got, err := s.store.Read(s.Context(), "shop"); err != nil || len(got) != 8 {
			s.Errorf("%d endpoints, %v", len(got), err)
		}
		if got, err := s.store.Merchants(s.Context()); err != nil || len(got) != 1 || got[0] != "shop" {
			s.Errorf("%v, %v", got, err)
		}
		refused := errors.New("no")
		if err := s.store.Change(s.Context(), "shop", func(*Document) error { return refused }); !errors.Is(err, refused) {
			s.Errorf("%v", err)
		}
	})
}
