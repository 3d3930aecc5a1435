package worker_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/ops"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
)

// doorman is a receiver that takes webhooks only from those whose certificate it
// knows, and notes who brought which payment.
type doorman struct {
	mu     sync.Mutex
	caller map[string]string
}

func (d *doorman) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e, err := payment.ParseEvent(body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.caller[e.Data.PaymentID] = r.TLS.PeerCertificates[0].Subject.CommonName
	}
}

func (d *doorman) want(t *testing.T, payment, caller string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.caller[payment] != caller {
		t.Errorf("%s was brought by %q, want %q", payment, d.caller[payment], caller)
	}
}

func startDoorman(t *testing.T, network *sandboxtest.Network, own webhooktest.Certificate, known ...webhooktest.Certificate) *doorman {
	t.Helper()
	d := &doorman{caller: map[string]string{}}
	listener, err := network.Listen(t.Context(), "shop.example:443")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d}
	secured := tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{own.Pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: webhooktest.Pool(t, known...),
		MinVersion: tls.VersionTLS13,
	})
	go func() { _ = server.Serve(secured) }()
	t.Cleanup(func() { _ = server.Close() })
	return d
}

func clientOf(c webhooktest.Certificate) *webhook.ClientCertificate {
	return &webhook.ClientCertificate{Chain: secret.New(c.Chain), Key: secret.New(c.Key)}
}

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func TestWorker_ShowsTheCertificateOfTheMoment_ToAReceiverThatAsksWhoCalls(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		until := time.Now().AddDate(0, 1, 0)
		own := webhooktest.Make(t, "shop.example", until, "shop.example")
		first, second, stranger := webhooktest.Make(t, "first", until), webhooktest.Make(t, "second", until), webhooktest.Make(t, "stranger", until)
		expired := webhooktest.Make(t, "second", time.Now().Add(-time.Hour))
		network, b, logged := sandboxtest.NewNetwork(), brokertest.Start(t), &lines{}
		door := startDoorman(t, network, own, first, second)

		o := options(b.Conn(), newScript(), newShop(t))
		o.Endpoints, o.Webhook.DialContext = nil, network.Dial
		key := endpoint.Key{ID: "k1", Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))}
		o.RunTime, o.Log = endpoint.Options{Keys: []endpoint.Key{key}}, zerolog.New(logged)
		startWorker(t, o)
		store, err := endpoint.OpenStore(brokertest.Context(t), endpoint.StoreOptions{Broker: b, Keys: o.RunTime.Keys})
		if err != nil {
			t.Fatal(err)
		}
		operator := ops.NewEndpoints(ops.Options{Store: store, Random: rand.Reader})
		set := func(c webhooktest.Certificate) error {
			err := operator.Set(t.Context(), merchant, "live", ops.Change{Client: clientOf(c)})
			time.Sleep(time.Second)
			synctest.Wait()
			return err
		}
		tell := func(order string) {
			announce(t, b, created(order))
			time.Sleep(10 * time.Second)
			synctest.Wait()
		}

		_, err = operator.Add(t.Context(), ops.Wish{
			Merchant: merchant, ID: "live", URL: "https://shop.example/hooks", CAs: secret.New(own.Chain),
			Schedule: []time.Duration{0, time.Minute, time.Minute, time.Minute},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		tell("a")
		door.want(t, "p-a", "")
		if err := set(stranger); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		door.want(t, "p-a", "")
		if err := set(first); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		door.want(t, "p-a", "first") // tried again, with what it has now
		tell("b")
		door.want(t, "p-b", "first")
		if err := set(second); err != nil {
			t.Error(err)
		}
		tell("c") // although a connection of the first one is still open
		door.want(t, "p-c", "second")
		for _, refused := range []webhooktest.Certificate{expired, {Chain: second.Chain, Key: first.Key}, {Chain: second.Chain}} {
			var faults *ops.FaultsError
			if err := set(refused); !errors.As(err, &faults) || len(faults.Faults) != 1 {
				t.Errorf("%v, want one fault", err)
			}
		}
		tell("d")
		door.want(t, "p-d", "second")

		wantReasons(t, b, map[webhook.Reason]int{webhook.ReasonTLSClientCertificate: 2, "": 4})
		everything := logged.buf.String()
		for _, stream := range []string{broker.StreamStatus, broker.StreamWebhookLog, broker.StreamDead, "KV_" + endpoint.Bucket} {
			for _, m := range read(t, b, stream) {
				everything += string(m.Data)
				if stream != "KV_"+endpoint.Bucket && bytes.Contains(m.Data, []byte("BEGIN")) {
					t.Errorf("PEM is in %s", m.Subject)
				}
			}
		}
		for _, c := range []webhooktest.Certificate{first, second, stranger, expired} {
			if strings.Contains(everything, strings.Split(c.Key, "\n")[1]) {
				t.Error("a key is in the log or in a stream")
			}
		}
		if strings.Contains(logged.buf.String(), "BEGIN") {
			t.Error("PEM was logged")
		}
	})
}

// wantReasons counts the attempts on record by their reason; none: delivered.
func wantReasons(t *testing.T, b *broker.Broker, want map[webhook.Reason]int) {
	t.Helper()
	got := map[webhook.Reason]int{}
	for _, m := range read(t, b, broker.StreamWebhookLog) {
		var rec struct {
			Class, Detail string
			Reason        webhook.Reason
		}
		if err := json.Unmarshal(m.Data, &rec); err != nil {
			t.Fatal(err)
		}
		got[rec.Reason]++
		if rec.Reason == webhook.ReasonTLSClientCertificate && (rec.Class != string(webhook.ClassTLS) || !strings.Contains(rec.Detail, "client certificate")) {
			t.Errorf("recorded as %+v", rec)
		}
	}
	for reason, n := range want {
		if got[reason] != n || len(got) != len(want) {
			t.Errorf("reasons on record: %v, want %v", got, want)
		}
	}
}

// A certificate that has expired is one endpoint's trouble: the worker starts, says
// on record why, and the others are told.
func TestWorker_TellsTheOthers_WhenOneEndpointsCertificateHasExpired(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		until := time.Now().AddDate(0, 1, 0)
		own, good := webhooktest.Make(t, "shop.example", until, "shop.example"), webhooktest.Make(t, "good", until)
		expired := webhooktest.Make(t, "expired", time.Now().Add(-time.Hour))
		network, b := sandboxtest.NewNetwork(), brokertest.Start(t)
		door := startDoorman(t, network, own, good, expired)

		o := options(b.Conn(), newScript(), newShop(t))
		o.Endpoints, o.Webhook.DialContext = nil, network.Dial
		for id, c := range map[string]webhooktest.Certificate{"a-good": good, "b-expired": expired} {
			o.Endpoints = append(o.Endpoints, notify.Endpoint{
				ID: id, Merchant: merchant, URL: "https://shop.example/hooks", CAs: secret.New(own.Chain), Client: *clientOf(c),
				Secrets: []secret.Text{secret.New(hookSecret)}, Schedule: []time.Duration{0, time.Minute, time.Hour},
			})
		}
		startWorker(t, o)
		announce(t, b, created("a"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		door.want(t, "p-a", "good")
		wantReasons(t, b, map[webhook.Reason]int{"": 1, webhook.ReasonTLSClientCertificate: 1})
	})
}
