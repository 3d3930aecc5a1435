package config_test

import (
	"errors"
	"net/http"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// nowhere is a transport that reaches nobody.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

func transport() http.RoundTripper { return nowhere{} }

func options(t *testing.T, text string) worker.Options {
	t.Helper()
	o, err := parse(t, text).WorkerOptions(transport)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWorkerOptions_LeaveDefaultsToTheirPackages(t *testing.T) {
	o := options(t, account)
	if len(o.Accounts) != 1 {
		t.Fatalf("%d accounts, want 1", len(o.Accounts))
	}
	a := o.Accounts[0]
	if a.Name != "main" || a.Provider.Profile().Name != "finipay" || a.Floor != 0 {
		t.Errorf("account = %+v", a)
	}
	if !reflect.DeepEqual(*a.Cadence, retry.Default()) || !reflect.DeepEqual(a.Guard, guard.Defaults()) {
		t.Errorf("cadence %+v and guard %+v, want the defaults", *a.Cadence, a.Guard)
	}
	o.Accounts = nil
	want := worker.Options{
		Replicas: 1, StatusRetention: 90 * retry.Day, AckWait: time.Minute, Schedule: retry.Webhooks(),
		Webhook: webhook.Options{Policy: webhook.Policy{Ports: []uint16{}}},
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
}

func TestWorkerOptions_CarryTheWholeFile(t *testing.T) {
	o := options(t, `
nats: {url: "nats://a", replicas: 5, status_retention: 100d, log_retention: 2d, dead_retention: 3d}
worker: {concurrency: 8, ack_wait: 90s, pull_wait: 500ms}
watch: {expiry_grace: 2h, failure_delay: 10s, doubt: {looks: 5, span: 1h}}
callbacks: {listen: "127.0.0.1:8090"}
webhooks: {schedule: [0s, 5s], time_limit: 20s, connect_limit: 4s, tls_limit: 3s, header_limit: 13s, allow_networks: [10.0.0.0/8], allow_ports: [443], allow_http: true, proxy: {url: "http://proxy.internal:3128", user: worker, password: {env: PASSWORD}}, disable_after: 3d, store: {keys: [{id: k1, value: {env: STORE_KEY}}]}}
`+account+`endpoints: [{merchant: shop, id: orders, url: "http://shop.example", secrets: [{env: HOOK}], rate: 2}]`)
	o.Accounts = nil
	endpoints := []notify.Endpoint{{
		ID: "orders", Merchant: "shop", URL: "http://shop.example", AllowHTTP: true, Rate: 2,
		Secrets: []secret.Text{secret.New(environment()["HOOK"])}, Concurrency: notify.DefaultConcurrency,
	}}
	key := endpoint.Key{ID: "k1", Value: secret.New(environment()["STORE_KEY"])}
	want := worker.Options{
		Replicas: 5, StatusRetention: 100 * retry.Day, LogRetention: 2 * retry.Day, DeadRetention: 3 * retry.Day,
		Endpoints: endpoints,
		RunTime:   endpoint.Options{Configured: endpoints, Keys: []endpoint.Key{key}, AllowHTTP: true, DisableAfter: 3 * retry.Day},
		Schedule:  retry.Schedule{0, 5 * time.Second},
		Webhook: webhook.Options{
			Policy:    webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Ports: []uint16{443}},
			TimeLimit: 20 * time.Second, Concurrency: 8,
			ConnectLimit: 4 * time.Second, TLSLimit: 3 * time.Second, HeaderLimit: 13 * time.Second,
			Proxy: webhook.Proxy{URL: "http://proxy.internal:3128", User: "worker", Password: secret.New(environment()["PASSWORD"])},
		},
		ExpiryGrace: 2 * time.Hour, FailureDelay: 10 * time.Second, DoubtLooks: 5, DoubtSpan: time.Hour,
		Concurrency: 8, AckWait: 90 * time.Second, PullWait: 500 * time.Millisecond, Callbacks: true,
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
}

func TestWorkerOptions_GiveEachAccountItsOwnTransport(t *testing.T) {
	c := parse(t, strings.Replace(account, "[{", "[{name: second, provider: uapay, settings: {client_id: c, secret: {env: PASSWORD}}}, {", 1))
	made := 0
	if _, err := c.WorkerOptions(func() http.RoundTripper { made++; return nowhere{} }); err != nil || made != 2 {
		t.Errorf("%d transports for two accounts, %v", made, err)
	}
}

func TestWorkerOptions_MergeCadences(t *testing.T) {
	hours := []retry.Step{{Until: time.Hour, Every: time.Minute}}
	o := options(t, `
watch: {cadence: {held: [{until: 1h, every: 1m}], parked: []}}
accounts:
  - {name: a, provider: uapay, settings: {client_id: c, secret: {env: PASSWORD}}, min_interval: 9s}
  - {name: b, provider: uapay, settings: {client_id: c, secret: {env: PASSWORD}}, cadence: {open: [{until: 1h, every: 1m}], closed: []}}
`)
	base := retry.Default()
	base.Held, base.Parked = hours, []retry.Step{}
	if got := *o.Accounts[0].Cadence; !reflect.DeepEqual(got, base) || o.Accounts[0].Floor != 9*time.Second {
		t.Errorf("a: %+v, floor %s", got, o.Accounts[0].Floor)
	}
	base.Open, base.Closed = hours, []retry.Step{}
	if got := *o.Accounts[1].Cadence; !reflect.DeepEqual(got, base) {
		t.Errorf("b: %+v, want %+v", got, base)
	}
}

func TestWorkerOptions_ProtectAccounts(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name, limits, breaker string
		change                func(*guard.Options)
	}{
		{"by default", "{}", "{}", func(*guard.Options) {}},
		{"the burst follows the rate", "{rate: 7.9}", "{}", func(o *guard.Options) { o.Rate, o.Burst = 7.9, 7 }},
		{"and is at least one", "{rate: 0.1}", "{}", func(o *guard.Options) { o.Rate = 0.1 }},
		{"a burst of its own", "{rate: 2, burst: 9}", "{}", func(o *guard.Options) { o.Rate, o.Burst = 2, 9 }},
		{"limits", "{concurrency: 3, time_limit: 4s}", "{}", func(o *guard.Options) { o.Concurrency, o.TimeLimit = 3, 4*s }},
		{"rules off", "{}", "{consecutive: 0, ratio: 0, ramp: 0s}", func(o *guard.Options) { o.Consecutive, o.Ratio, o.Ramp = 0, 0, 0 }},
		{"rules", "{}", "{consecutive: 9, ratio: 0.1, min_requests: 2, window: 5s, ramp: 1s}", func(o *guard.Options) {
			o.Consecutive, o.Ratio, o.MinRequests, o.Window, o.Ramp = 9, 0.1, 2, 5*s, s
		}},
		{"reopening", "{}", "{reopen_first: 1s, reopen_longest: 5s}", func(o *guard.Options) { o.Reopen = []time.Duration{s, 2 * s, 4 * s, 5 * s} }},
		{"reopening for longer", "{}", "{reopen_first: 300s}", func(o *guard.Options) { o.Reopen = []time.Duration{300 * s, 600 * s} }},
		{"always the same time", "{}", "{reopen_first: 3s, reopen_longest: 3s}", func(o *guard.Options) { o.Reopen = []time.Duration{3 * s} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, strings.Replace(account, "name: main", "name: main, limits: "+test.limits+", breaker: "+test.breaker, 1))
			want := guard.Defaults()
			test.change(&want)
			if got := o.Accounts[0].Guard; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestConnectOptions_ResolvePathsBesideTheFile(t *testing.T) {
	absolute, err := filepath.Abs("testdata/secrets/password")
	if err != nil {
		t.Fatal(err)
	}
	o := parse(t, `
nats:
  url: tls://a:4222
  credentials_file: ../secrets/password
  tls: {ca_file: `+absolute+`, cert_file: ../secrets/password, key_file: ../secrets/password}
`+account).ConnectOptions("me")
	const beside = "testdata/secrets/password"
	if o.URL != "tls://a:4222" || o.Name != "me" || o.CredentialsFile != beside || o.NKeyFile != "" {
		t.Errorf("%+v", o)
	}
	if o.TLS.CAFile != absolute || o.TLS.CertFile != beside || o.TLS.KeyFile != beside {
		t.Errorf("%+v", o.TLS)
	}
}

func TestConnectOptions_CarryTheLogin(t *testing.T) {
	o := parse(t, "nats: {url: \"nats://a\", user: app, password: {env: PASSWORD}}\n"+account).ConnectOptions("me")
	if o.User != "app" || o.Password.Reveal() != environment()["PASSWORD"] || !o.Token.IsZero() {
		t.Errorf("%+v", o)
	}
	o = parse(t, "nats: {url: \"nats://a\", token: {env: PASSWORD}}\n"+account).ConnectOptions("me")
	if o.Token.Reveal() != environment()["PASSWORD"] || !o.Password.IsZero() {
		t.Errorf("%+v", o)
	}
}
