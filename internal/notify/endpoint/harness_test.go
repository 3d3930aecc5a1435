package endpoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

// stage is a broker with a store on it, in virtual time, and all that was logged.
type stage struct {
	*testing.T
	b     *broker.Broker
	store *Store
	logs  *logs
	// given are the secrets that were sealed: none may be logged.
	given []string
}

// logs collects lines of any number of workers.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func inBubble(t *testing.T, run func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) {
		s := &stage{T: t, b: brokertest.Start(t), logs: &logs{}}
		var err error
		s.store, err = OpenStore(t.Context(), StoreOptions{Broker: s.b, Keys: keys()})
		if err != nil {
			t.Fatal(err)
		}
		run(s)
		for _, text := range s.given {
			if strings.Contains(s.logs.String(), text) {
				t.Errorf("a secret was logged:\n%s", s.logs)
			}
		}
	})
}

func keys() []Key { return []Key{key("k1", 'a')} }

// deaf makes a worker's directory that hears of no change until it is run.
func (s *stage) deaf(change func(*Options)) *Live {
	s.Helper()
	o := Options{Broker: s.b, Keys: keys(), Log: zerolog.New(s.logs)}
	if change != nil {
		change(&o)
	}
	l, err := New(s.Context(), o)
	if err != nil {
		s.Fatal(err)
	}
	return l
}

// live starts a worker's directory.
func (s *stage) live(change func(*Options)) *Live {
	s.Helper()
	l := s.deaf(change)
	s.run(l)
	return l
}

func (s *stage) run(l *Live) {
	s.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	s.Cleanup(func() { end(); <-done })
	settled()
}

// settled lets what was written arrive everywhere.
func settled() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}

// made seals a new secret.
func (s *stage) made(merchant, id, secretID string) Sealed {
	s.Helper()
	text, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	s.given = append(s.given, text.Reveal())
	sealed, err := s.store.sealer.SealSecret(merchant, id, secretID, text)
	if err != nil {
		s.Fatal(err)
	}
	sealed.CreatedAt = time.Now().UTC()
	return sealed
}

// add makes an endpoint.
func (s *stage) add(merchant, id string) Record {
	s.Helper()
	header := webhook.Header{Name: "X-Api-Key", Value: secret.New("canary-" + merchant + "-" + id)}
	s.given = append(s.given, header.Value.Reveal())
	sealed, err := s.store.sealer.SealHeader(merchant, id, header)
	if err != nil {
		s.Fatal(err)
	}
	r := Record{
		ID: id, URL: "https://" + id + ".example/hooks", Events: []string{"payment.*"}, Signing: SigningV1,
		Secrets: []Sealed{s.made(merchant, id, "s1")}, Headers: []SealedHeader{sealed}, Rate: 5, Concurrency: 3,
		Schedule: []time.Duration{0, time.Minute}, Format: notify.FormatThin,
	}
	s.change(merchant, func(d *Document) { d.Endpoints = append(d.Endpoints, r) })
	return r
}

func (s *stage) change(merchant string, change func(*Document)) {
	s.Helper()
	if err := s.store.Change(s.Context(), merchant, func(d *Document) error { change(d); return nil }); err != nil {
		s.Fatal(err)
	}
	settled()
}

func (s *stage) put(key string, value []byte) {
	s.Helper()
	if _, err := s.store.bucket.Load().kv.Put(s.Context(), key, value); err != nil {
		s.Fatal(err)
	}
	settled()
}

func (s *stage) state(merchant, id string) State {
	s.Helper()
	is, err := s.store.State(s.Context(), merchant, id)
	if err != nil {
		s.Fatal(err)
	}
	return is
}

// revision is the bucket's last one.
func (s *stage) revision() uint64 {
	s.Helper()
	found, err := s.store.look(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return found.last
}

// events are the operational events, as "<type> <share>".
func (s *stage) events() []string {
	s.Helper()
	stream, err := s.b.JetStream().Stream(s.Context(), broker.StreamWebhookLog)
	if err != nil {
		s.Fatal(err)
	}
	info, err := stream.Info(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	var all []string
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		msg, err := stream.GetMsg(s.Context(), seq)
		if err != nil {
			s.Fatal(err)
		}
		var body eventBody
		if err := json.Unmarshal(msg.Data, &body); err != nil {
			s.Fatal(err)
		}
		if !IsEventSubject(msg.Subject) || msg.Subject != EventSubject(body.Type, body.Data.MerchantID, body.Data.Endpoint) {
			s.Errorf("subject %s of %s", msg.Subject, msg.Data)
		}
		if _, _, err := broker.ParseWebhookLogSubject(msg.Subject); err == nil {
			s.Errorf("%s reads as an attempt's", msg.Subject)
		}
		all = append(all, fmt.Sprint(body.Type.word(), " ", body.Data.Share))
	}
	return all
}

func (s *stage) wantEvents(want ...string) {
	s.Helper()
	if got := s.events(); strings.Join(got, ", ") != strings.Join(want, ", ") {
		s.Errorf("events %q, want %q", got, want)
	}
}

func (s *stage) find(l *Live, merchant, id string) notify.Endpoint {
	s.Helper()
	e, ok := l.Find(merchant, id)
	if !ok {
		s.Fatalf("endpoint %s of %s is not there", id, merchant)
	}
	return e
}
