package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/ecommpay"
	"reconciler/internal/providers/finipay"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/providers/uapay"
)

// TestWorker_LetsNoPersonalValueOfAnyDocumentedAnswerOut serves every sample of
// every provider's document to a whole worker, as it is and broken in ways that
// make the worker complain, and looks for its values in all that comes out: what
// is published or stored, logged at debug level, or sent to the merchant.
func TestWorker_LetsNoPersonalValueOfAnyDocumentedAnswerOut(t *testing.T) {
	samples := documentedSamples(t)
	brokertest.Bubble(t, func(t *testing.T) {
		s, b, logged := newShop(t), brokertest.Start(t), &syncBuffer{}
		told := listen(t, b)
		o := options(b.Conn(), newScript(), s)
		o.Log, o.Accounts, o.DoubtSpan = zerolog.New(logged).Level(zerolog.DebugLevel), nil, time.Second
		for i := range samples {
			samples[i].serve(t, s.net)
			o.Accounts = append(o.Accounts, samples[i].account(t, s.net))
		}
		w := startWorker(t, o)
		for _, one := range samples {
			announce(t, b, one.created())
		}
		for _, one := range samples {
			select {
			case <-one.served:
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s %s was not asked for to its end", one.provider, one.Name)
			}
		}
		time.Sleep(time.Minute) // for what is published and sent after the last answer
		if err := w.Stop(brokertest.Context(t)); err != nil {
			t.Fatal(err)
		}
		if len(s.deliveries()) == 0 || logged.String() == "" || len(told.String()) == 0 {
			t.Fatal("nothing came out, so nothing is shown")
		}
		kept := stored(t, b)
		for _, one := range samples {
			one.checkSealed(t, "the log", logged.String())
			one.checkSealed(t, "what was published", told.String())
			one.checkSealed(t, "what is stored", kept)
			for _, d := range s.deliveries() {
				one.checkSealed(t, "a webhook", string(d.body))
			}
		}
		checkTold(t, samples, events(t, b))
	})
}

// ours are the words that the tables are made of, which may come out, and those
// of answers that everybody uses, in lower case.
func ours(t *testing.T) string {
	t.Helper()
	words := "purchase, card, auth, capture, sale, visa"
	for _, p := range []providers.Provider{&finipay.Adapter{}, &halyk.Adapter{}, &uapay.Adapter{}, &ecommpay.Adapter{}} {
		for _, row := range p.Profile().Table {
			words += ", " + row.Raw + ", " + row.Words
		}
	}
	return strings.ToLower(words)
}

// private are the values of the answer that may show nowhere: all that the case
// calls personal and, because a list can be forgotten, every other value that
// the case does not want to come out.
func (s sample) private(t *testing.T) []string {
	t.Helper()
	var answer any
	dec := json.NewDecoder(bytes.NewReader(s.Body))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	wanted, err := json.Marshal([]any{s.Want.Observation, s.Want.Error, s.Want.Reference, s.Case})
	if err != nil {
		t.Fatal(err)
	}
	// Amounts come out in minor units, too.
	let := string(wanted) + strings.ReplaceAll(string(wanted), ".", "")
	values := map[string]bool{}
	for _, v := range s.Want.Personal {
		values[v] = true
	}
	for _, v := range leaves(answer) {
		// A short word or number is found in everything.
		if len(v) > 4 && !strings.Contains(let, v) && !strings.Contains(ours(t), strings.ToLower(v)) {
			values[v] = true
		}
	}
	return slices.Sorted(maps.Keys(values))
}

// checkSealed looks for the sample's values in a text, as words of their own: a
// short number is in many a time stamp.
func (s sample) checkSealed(t *testing.T, where, text string) {
	t.Helper()
	part := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for _, value := range s.sealed {
		rest, before := text, ' '
		for {
			at := strings.Index(rest, value)
			if at < 0 {
				break
			}
			if at > 0 {
				before, _ = utf8.DecodeLastRuneInString(rest[:at])
			}
			rest = rest[at+len(value):]
			after, _ := utf8.DecodeRuneInString(rest)
			if !part(before) && !part(after) {
				t.Errorf("%s %s: %s holds %q", s.provider, s.Name, where, value)
				break
			}
			before, _ = utf8.DecodeLastRuneInString(value)
		}
	}
}

// leaves are the texts and numbers in a JSON value.
func leaves(value any) []string {
	var all []string
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			all = append(all, leaves(inner)...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, leaves(inner)...)
		}
	case string:
		all = append(all, v)
	case json.Number:
		all = append(all, v.String())
	}
	return all
}

// listen keeps everything that anybody publishes, but the client's and the
// broker's own talk, which is full of numbers.
func listen(t *testing.T, b *broker.Broker) *syncBuffer {
	t.Helper()
	all := &syncBuffer{}
	listening, err := b.Conn().Subscribe(">", func(m *nats.Msg) {
		if !strings.HasPrefix(m.Subject, "$JS.") && !strings.HasPrefix(m.Subject, "_INBOX.") {
			_, _ = fmt.Fprintf(all, "%s %v %s\n", m.Subject, m.Header, m.Data)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listening.Unsubscribe() })
	return all
}

// stored is all that the broker keeps, buckets included.
func stored(t *testing.T, b *broker.Broker) string {
	t.Helper()
	var text strings.Builder
	names := b.JetStream().StreamNames(brokertest.Context(t))
	for name := range names.Name() {
		for _, m := range read(t, b, name) {
			fmt.Fprintf(&text, "%s %v %s\n", m.Subject, m.Header, m.Data)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// checkTold: each sample was read and believed as its case says, or its values
// had no reason to come out.
func checkTold(t *testing.T, samples []sample, all []payment.Event) {
	t.Helper()
	last := map[string]payment.Status{}
	for _, e := range all {
		last[e.Data.PaymentID] = e.Data.Status
	}
	for _, one := range samples {
		want := payment.Pending
		if o := one.Want.Observation; o != nil {
			want = o.Status
		}
		if got := last[one.payment()]; got != want && got != payment.Review {
			t.Errorf("%s %s became %q, want %s", one.provider, one.Name, got, want)
		}
	}
}
