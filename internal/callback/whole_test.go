package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/callback"
	"reconciler/internal/consumer"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

const (
	account = "terminal-1"
	floor   = time.Second
)

// calling is the real adapter of a terminal, with callbacks of a form of this
// test's own: the invoice's number, and a header that says whether it is signed.
type calling struct{ *halyk.Adapter }

func (calling) Aliases(ref payment.Reference) []string {
	return []string{"invoice:" + ref["invoice_id"]}
}

func (calling) ReadCallback(c providers.Callback) (providers.Hint, error) {
	if c.Header.Get("X-Signature") != "right" {
		return providers.Hint{}, &providers.Error{Kind: providers.SignatureInvalid, Doing: "read a callback"}
	}
	return providers.Hint{Aliases: []string{"invoice:" + string(c.Body)}, Verified: true}, nil
}

// whole is everything there is, over real sockets: a sandbox, a worker that
// looks once an hour, and the server that takes callbacks.
type whole struct {
	*testing.T
	sandbox *sandbox.Sandbox
	broker  *broker.Broker
	client  *http.Client
	url     string
	// news are changes of status and acknowledgements, as they pass by. A handler
	// acknowledges its message when all that it wrote is stored.
	news chan *nats.Msg
}

func startWhole(t *testing.T) *whole {
	t.Helper()
	w := &whole{T: t, broker: brokertest.Start(t), news: make(chan *nats.Msg, 4096)}
	for _, filter := range []string{broker.FilterStatus, "$JS.ACK.>"} {
		if _, err := w.broker.Conn().ChanSubscribe(filter, w.news); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.sandbox, err = sandbox.Start(t.Context(), sandbox.Options{Floor: floor}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sandbox.Stop(context.Background()) })
	o := w.options()
	run, err := worker.New(brokertest.Context(t), o)
	if err != nil {
		t.Fatal(err)
	}
	run.Start()
	t.Cleanup(func() {
		if err := run.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.serve(o.Accounts[0], run.Hinter())
	return w
}

func (w *whole) options() worker.Options {
	w.Helper()
	var s map[string]string
	for _, a := range w.sandbox.Accounts() {
		if a.Provider == sandbox.Halyk {
			s = a.Settings
		}
	}
	transport := &http.Transport{}
	w.Cleanup(transport.CloseIdleConnections)
	adapter, err := halyk.New(halyk.Config{
		APIURL: s["api_url"], TokenURL: s["token_url"], ClientID: s["client_id"], ClientSecret: secret.New(s["client_secret"]), Terminal: s["terminal"],
	}.Defaults(), transport)
	if err != nil {
		w.Fatal(err)
	}
	hourly := retry.Default()
	hourly.Open = []retry.Step{{Until: 72 * time.Hour, Every: time.Hour}}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	return worker.Options{
		Conn: w.broker.Conn(), Log: zerolog.Nop(), Callbacks: true,
		Accounts: []worker.Account{{Name: account, Provider: calling{adapter}, Cadence: &hourly, Floor: floor, Guard: guard.Defaults()}},
		Random: func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return random.Float64()
		},
	}
}

// serve takes callbacks for the account.
func (w *whole) serve(a worker.Account, hinter *consumer.Hinter) {
	w.Helper()
	h, err := callback.New(callback.Options{
		Accounts: map[string]providers.Provider{a.Name: a.Provider}, Hint: hinter.Hint, Log: zerolog.Nop(),
	})
	if err != nil {
		w.Fatal(err)
	}
	var config net.ListenConfig
	l, err := config.Listen(w.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	server, done := callback.NewServer(h, zerolog.Nop()), make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.Error(err)
		}
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	w.client, w.url = &http.Client{Transport: transport}, "http://"+l.Addr().String()+"/callbacks/"+account
	w.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
}

// begin makes a payment at the provider, announces it, and waits until it has its
// first timer, an hour ahead.
func (w *whole) begin(id, life string) sandbox.Payment {
	w.Helper()
	made, err := w.sandbox.Create(sandbox.CreateOptions{Provider: sandbox.Halyk, Life: life, AmountMinor: 150_050, Currency: "KZT"})
	if err != nil {
		w.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{
		"id": "c-" + id, "payment_id": id, "merchant_id": "m", "provider": account, "reference": made.Reference,
		"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC(),
	})
	if err != nil {
		w.Fatal(err)
	}
	if _, err := w.broker.JetStream().Publish(w.Context(), broker.CreatedSubject("m", id), body); err != nil {
		w.Fatal(err)
	}
	w.await(takenIn)
	return made
}

// Parts of subjects to await.
const (
	takenIn = ".PAYMENTS.intake."
	polled  = ".RECON_WORK.poller-" + account + "."
)

// await waits until a message with that part in its subject passes by.
func (w *whole) await(part string) *nats.Msg {
	w.Helper()
	for ctx := brokertest.Context(w); ; {
		select {
		case msg := <-w.news:
			if strings.Contains(msg.Subject, part) {
				return msg
			}
		case <-ctx.Done():
			w.Fatalf("nothing passed by on %s", part)
		}
	}
}

// call sends a callback and gives its whole answer but for the date.
func (w *whole) call(invoice, signature string) (string, error) {
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.url, strings.NewReader(invoice))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Signature", signature)
	res, err := w.client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	_ = res.Body.Close()
	res.Header.Del("Date")
	var header bytes.Buffer
	_ = res.Header.Write(&header) // into memory
	return fmt.Sprintf("%d\n%s\n%s", res.StatusCode, header.String(), body), nil
}

func (w *whole) mustCall(invoice, signature string) string {
	w.Helper()
	answer, err := w.call(invoice, signature)
	if err != nil {
		w.Fatal(err)
	}
	return answer
}

// asks are the looks at a payment by the provider's own ledger.
func (w *whole) asks(p sandbox.Payment) (asks []sandbox.Ask) {
	for _, a := range w.sandbox.Asked() {
		if a.Payment == sandbox.Halyk+":"+p.ID && !a.Credential {
			asks = append(asks, a)
		}
	}
	return asks
}

func TestCallback_TellsOfAChange_LongBeforeTheTimer(t *testing.T) {
	w := startWhole(t)
	p := w.begin("p", "charged_at_once")
	invoice := p.Reference["invoice_id"]

	if got := w.mustCall(invoice, "wrong"); !strings.HasPrefix(got, "400\n") {
		t.Errorf("a wrong signature is answered %s", got)
	}
	stranger := w.mustCall("000000", "right")
	if timer, err := w.broker.Timer(t.Context(), broker.PollTimer(account, "m", "p")); err != nil || time.Until(timer.At) < 45*time.Minute {
		t.Errorf("after callbacks that count for nothing the timer is %v, %v", timer.At, err)
	}
	if asks := w.asks(p); len(asks) > 0 {
		t.Errorf("the provider was asked %d times without a reason", len(asks))
	}

	began := time.Now()
	if got := w.mustCall(invoice, "right"); got != stranger {
		t.Errorf("a known payment is answered\n%s\nan unknown one\n%s", got, stranger)
	}
	msg := w.await(broker.StatusSubject(string(payment.Succeeded), account, "m", "p"))
	event, err := payment.ParseEvent(msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if event.Data.Trigger != payment.TriggerHint || event.Data.ObservedAt.Before(began) {
		t.Errorf("the change was seen at %v by %q", event.Data.ObservedAt, event.Data.Trigger)
	}
	if asks := w.asks(p); len(asks) != 1 {
		t.Errorf("the provider was asked %d times", len(asks))
	}
}

func TestCallback_AThousandForOnePayment_AreOneLookPerFloor(t *testing.T) {
	w := startWhole(t)
	p := w.begin("p", "stuck")
	began := time.Now()
	var senders errgroup.Group
	senders.SetLimit(8)
	for range 1000 {
		senders.Go(func() error {
			got, err := w.call(p.Reference["invoice_id"], "right")
			if err == nil && !strings.HasPrefix(got, "200\n") {
				err = fmt.Errorf("answered %s", got)
			}
			return err
		})
	}
	if err := senders.Wait(); err != nil {
		t.Error(err)
	}
	w.await(polled)
	// More of them, until there was a second look: it has to wait for the floor. One
	// would not do, since it counts for nothing while the first look is under way.
	for len(w.asks(p)) < 2 {
		w.mustCall(p.Reference["invoice_id"], "right")
	}
	asks, most := w.asks(p), int(time.Since(began)/floor)+1
	if len(asks) > most {
		t.Errorf("%d looks, want %d at most", len(asks), most)
	}
	for _, a := range asks {
		if a.TooSoon {
			t.Errorf("a look at %v came before the floor", a.Arrived)
		}
	}
}
