package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/config"
	"reconciler/internal/demo"
	"reconciler/internal/sandbox"
)

// rung is the whole product in this process: a sandbox, and `run` by its
// configuration, which looks once an hour and takes callbacks.
type rung struct {
	*testing.T
	world     *sandbox.Sandbox
	path, url string
	// changes are the status events; taken the acknowledgements of intake, each of
	// which comes when a payment's timer is stored.
	changes, taken chan *nats.Msg
}

func startRung(t *testing.T) *rung {
	t.Helper()
	addresses := brokertest.Addresses(t, 2)
	r := &rung{T: t, url: "http://" + addresses[1] + "/callbacks/", changes: make(chan *nats.Msg, 64), taken: make(chan *nats.Msg, 64)}
	hooks := []demo.Hook{{Merchant: "shop-a", ID: "orders", Name: "shop-a"}}
	pace := demo.Pace{Step: 100 * time.Millisecond, Look: time.Hour, Floor: time.Second}
	var err error
	if r.world, err = startSandbox(t.Context(), sandbox.Options{Seed: 3, Step: pace.Step, Floor: pace.Floor}, hooks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopSandbox(context.Background(), r.world) })
	r.path, err = writeSandboxConfig(t.TempDir(), r.world, sandboxConfig{
		Hooks: configured(hooks), Pace: pace, DataDir: t.TempDir(), Listen: addresses[0], Callbacks: addresses[1],
	})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	r.listen()
	return r
}

// run runs the worker until the test ends, waits until it has started, and gives
// what it said until then.
func (r *rung) run() []string {
	r.Helper()
	ctx, stop := context.WithCancel(r.Context())
	said, ended := &output{news: make(chan struct{})}, make(chan int, 1)
	go func() { ended <- execute(ctx, streams{out: said, err: said}, []string{"run", "--config", r.path}) }()
	r.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			r.Errorf("run ended with %d:\n%s", code, said.tail(20))
		}
	})
	for {
		lines, news := said.since(0)
		for _, line := range lines {
			if strings.Contains(line, "worker started") {
				return lines
			}
		}
		select {
		case <-news:
		case code := <-ended:
			ended <- code
			r.Fatal("run ended at once")
		}
	}
}

func (r *rung) listen() {
	r.Helper()
	cfg, err := config.Load(r.path, os.LookupEnv)
	if err != nil {
		r.Fatal(err)
	}
	conn, err := dialBroker(r.Context(), cfg, zerolog.Nop())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(conn.Close)
	for subject, into := range map[string]chan *nats.Msg{"payments.status.>": r.changes, "$JS.ACK.PAYMENTS.intake.>": r.taken} {
		if _, err := conn.ChanSubscribe(subject, into); err != nil {
			r.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		r.Fatal(err)
	}
}

func (r *rung) next(from chan *nats.Msg, what string) *nats.Msg {
	r.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	select {
	case msg := <-from:
		return msg
	case <-limit.C:
		r.Fatalf("%s did not come", what)
		return nil
	}
}

// post sends a body by HTTP, and gives the status and what came back.
func (r *rung) post(url, body string) (int, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	client := &http.Client{Transport: newTransport()}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(text))
}

// The providers' own callbacks, as their simulators send them, to a worker that is
// configured as a user configures it.
func TestRun_ACallbackMakesThePollDueAtOnce(t *testing.T) {
	r := startRung(t)
	for i, provider := range []string{sandbox.Halyk, sandbox.Uapay, sandbox.Ecommpay} {
		t.Run(provider, func(t *testing.T) {
			made, err := r.world.Create(sandbox.CreateOptions{
				Provider: provider, Life: "charged_at_once", AmountMinor: 3300, Currency: sandbox.Currencies(provider)[0],
			})
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"payments", "create", "--config", r.path, "--payment", fmt.Sprint("p-", i), "--merchant", "shop-a",
				"--provider", provider, "--amount", made.Amount, "--currency", made.Currency}
			for name, value := range made.Reference {
				args = append(args, "--reference", name+"="+value)
			}
			if got := execLine(t, args...); got.code != 0 {
				t.Fatalf("create: %s", got.err)
			}
			r.next(r.taken, "the first timer")
			r.next(r.changes, "the first event")
			status, answer := r.post(r.world.URL(sandbox.ControlPeer)+"/payments/"+made.ID+"/callback", `{"url":"`+r.url+provider+`"}`)
			if status != http.StatusOK || answer != `{"http_status":200}` {
				t.Fatalf("the sandbox answered %d %s", status, answer)
			}
			var event struct {
				Data struct{ Status, Trigger, Provider string }
			}
			if err := json.Unmarshal(r.next(r.changes, "the change").Data, &event); err != nil {
				t.Fatal(err)
			}
			if d := event.Data; d.Status != "succeeded" || d.Trigger != "hint" || d.Provider != provider {
				t.Errorf("the change is %+v", d)
			}
		})
	}
	t.Run("an account whose provider sends none", func(t *testing.T) {
		if status, _ := r.post(r.url+sandbox.Finipay, "{}"); status != http.StatusNotFound {
			t.Errorf("answered %d", status)
		}
	})
}

func TestRun_EndsAtOnce_WhenCallbacksCanNotBeListenedFor(t *testing.T) {
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	hooks := []demo.Hook{{Merchant: "shop-a", ID: "orders", Name: "shop-a"}}
	world, err := startSandbox(t.Context(), sandbox.Options{}, hooks)
	if err != nil {
		t.Fatal(err)
	}
	defer stopSandbox(t.Context(), world)
	path, err := writeSandboxConfig(t.TempDir(), world, sandboxConfig{
		Hooks: configured(hooks), Pace: demo.PaceFor(1), DataDir: t.TempDir(), Callbacks: taken.Addr().String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := execLine(t, "run", "--config", path); got.code != 1 || !strings.Contains(got.err, "listen for callbacks") {
		t.Errorf("run ended with %d and %q", got.code, got.err)
	}
}
