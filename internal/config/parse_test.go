package config_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
)

// account is a whole account in one line, for files that are about something else.
const account = "accounts: [{name: main, provider: finipay, settings: {base_url: 'https://pay.example', login: shop, password: {env: PASSWORD}}}]\n"

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("reconciler.yaml", []byte(text), lookup("testdata/bad"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse_FillsInDefaults(t *testing.T) {
	got := parse(t, account).File
	got.Accounts = nil
	want := config.File{
		NATS:   config.NATS{DataDir: "data", Replicas: 1, StatusRetention: 90 * 24 * time.Hour},
		Log:    config.Log{Level: "info", Format: "json"},
		Worker: config.Worker{AckWait: time.Minute, StopLimit: 20 * time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParse_TakesWhatHoldsNothingAsLeftOut(t *testing.T) {
	text := "nats: {url: '', data_dir: \"\", listen: ~, replicas: null, user: , password: ~}\nlog:\nworker: {ack_wait: }\nwatch: ~\nendpoints:\n" + account
	got, want := parse(t, text).File, parse(t, account).File
	got.Accounts, want.Accounts = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParse_TakesWhatIsJustEnough(t *testing.T) {
	limited := strings.Replace(account, "name: main", "name: main, limits: {time_limit: 55s}", 1)
	short := "watch: {cadence: {open: [{until: 1h, every: 1m}], held: [{until: 2h, every: 1m}], settled: [], closed: [{until: 3h, every: 1h}], parked: []}}\n"
	for name, text := range map[string]string{
		"ack_wait 5 s above the webhooks' limit": "worker: {ack_wait: 20s}\n" + account,
		"a time limit 5 s below ack_wait":        limited,
		"webhooks' limit 5 s below ack_wait":     "webhooks: {time_limit: 55s}\n" + account,
		"retention just above the watch":         "nats: {status_retention: 28d1s}\n" + account,
		"retention just above a short watch":     "nats: {status_retention: 5h1s}\n" + short + account,
		"the last port":                          "webhooks: {allow_ports: [1, 65535]}\nnats: {listen: \"[::1]:65535\"}\n" + account,
		"no ramp, no burst of failures":          strings.Replace(account, "name: main", "name: main, breaker: {ramp: 0s, consecutive: 0}", 1),
		"the longest name":                       strings.Replace(account, "name: main", "name: "+strings.Repeat("x", 128), 1),
		"one id at two merchants": account + "endpoints: [{merchant: a, id: x, url: 'https://a.example', secrets: [{env: HOOK}]}, " +
			"{merchant: b, id: x, url: 'https://a.example', secrets: [{env: HOOK}, {env: HOOK}]}]\n",
	} {
		if _, err := config.Parse("x", []byte(text), lookup("")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParse_ReadsYAMLAsItIsMeant(t *testing.T) {
	name := func(c *config.Config) any { return c.Accounts[0].Name }
	level := func(c *config.Config) any { return c.Log.Level }
	rate := func(c *config.Config) any { return c.Accounts[0].Limits.Rate }
	named := func(yaml string) string { return strings.Replace(account, "name: main", "name: "+yaml, 1) }
	limited := func(yaml string) string {
		return strings.Replace(account, "name: main", "name: main, limits: "+yaml, 1)
	}
	tests := []struct {
		name, text string
		get        func(*config.Config) any
		want       any
	}{
		{"a number in quotes is text", named(`"100"`), name, "100"},
		{"so is one with an exponent", named(`'1e3'`), name, "1e3"},
		{"yes is text in YAML 1.2", named("yes"), name, "yes"},
		{"so are no, on and off", named("off"), name, "off"},
		{"a date is text", named("2026-02-03"), name, "2026-02-03"},
		{"a time is text", named("12:30"), name, "12:30"},
		{"a version is text", named("1.2.3"), name, "1.2.3"},
		{"text in several plain lines is folded", "accounts:\n- name: a\n    b\n  provider: finipay\n" + settings, name, "a b"},
		{"folded text is one line", "accounts:\n- name: >-\n    a\n    b\n  provider: finipay\n" + settings, name, "a b"},
		{"literal text keeps its lines apart", "accounts:\n- name: |-\n    a b\n  provider: finipay\n" + settings, name, "a b"},
		{"escapes in double quotes", named(`"\u00fc\x41"`), name, "üA"},
		{"no escapes in single quotes", named(`'it''s\n'`), name, `it's\n`},
		{"a hash inside a word is no comment", named("a#b"), name, "a#b"},
		{"a hash after a space is one", "log: {level: debug} # {level: warn}\n" + account, level, "debug"},
		{"keys in quotes", "\"log\": {'level': debug}\n" + account, level, "debug"},
		{"explicit keys", "? log\n: {? level : debug}\n" + account, level, "debug"},
		{"Windows line ends", strings.ReplaceAll("log:\n  level: debug\n"+account, "\n", "\r\n"), level, "debug"},
		{"old Macintosh line ends", strings.ReplaceAll("log:\n  level: debug\n"+account, "\n", "\r"), level, "debug"},
		{"a byte order mark", "\uFEFFlog: {level: debug}\n" + account, level, "debug"},
		{"no line end at the end", strings.TrimSpace("log: {level: debug}\n" + account), level, "debug"},
		{"a document's start and end", "---\nlog: {level: debug}\n" + account + "...\n", level, "debug"},
		{"tabs in comments", "#\ta\nlog: {level: debug} # b\tc\n#d\te\n" + account, level, "debug"},
		{"lists at the key's own indentation", "log: {level: debug}\naccounts:\n- name: main\n  provider: finipay\n" + settings, level, "debug"},
		{"a whole number for a rate", limited("{rate: 5}"), rate, 5.0},
		{"a fraction", limited("{rate: .5}"), rate, .5},
		{"an exponent", limited("{rate: 1e3}"), rate, 1000.0},
		{"a plus sign", limited("{rate: +2.5}"), rate, 2.5},
		{"zero", limited("{rate: 0}"), rate, 0.0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.get(parse(t, test.text)); got != test.want {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

// settings are those of an account in block style.
const settings = "  settings:\n    base_url: https://pay.example\n    login: shop\n    password:\n      env: PASSWORD\n"

func TestParse_ReadsEverySection(t *testing.T) {
	c := parse(t, `
nats: {url: "nats://a:4222, tls://b:4222", replicas: 3, status_retention: 100d, log_retention: 1d12h, dead_retention: 8760h, user: app, password: {file: ../secrets/password}}
log: {level: warn, format: console}
worker: {concurrency: 8, ack_wait: 90s, stop_limit: 1m30s, pull_wait: 500ms}
watch:
  cadence: {open: [{until: 1h, every: 10s}, {until: 1d, every: 10m}], settled: []}
  expiry_grace: 2h
  failure_delay: 10s
  doubt: {looks: 5, span: 1h}
webhooks: {schedule: [0, 5s], time_limit: 20s, allow_networks: [10.0.0.0/8, "fd12::/48"], allow_ports: [443, 8443], allow_http: true}
accounts:
  - name: main
    provider: uapay
    min_interval: 7s
    settings: {client_id: c, secret: {env: PASSWORD}, require_signed: false}
    limits: {rate: 2.5, burst: 4, concurrency: 3, time_limit: 12s}
    breaker: {consecutive: 0, ratio: 0.25, min_requests: 7, window: 30s, reopen_first: 1s, reopen_longest: 5s, ramp: 0s}
endpoints:
  - {merchant: shop, id: orders, url: "http://shop.example/hook", events: [payment.succeeded], secrets: [{env: HOOK}], concurrency: 2, rate: 1.5, disabled: true}
`)
	if got := c.NATS.Password.Reveal(); got != "s3cret-of-the-file" {
		t.Errorf("password = %q: the line end belongs to the file, not to the secret", got)
	}
	hour := time.Hour
	if got := c.NATS; got.URL != "nats://a:4222, tls://b:4222" || got.Replicas != 3 || got.User != "app" ||
		got.StatusRetention != 2400*hour || got.LogRetention != 36*hour || got.DeadRetention != 8760*hour {
		t.Errorf("nats = %+v", got)
	}
	if want := (config.Worker{Concurrency: 8, AckWait: 90 * time.Second, StopLimit: 90 * time.Second, PullWait: 500 * time.Millisecond}); c.Worker != want {
		t.Errorf("worker = %+v, want %+v", c.Worker, want)
	}
	wantWatch := config.Watch{
		Cadence:     config.Cadence{Open: []config.Step{{Until: hour, Every: 10 * time.Second}, {Until: 24 * hour, Every: 10 * time.Minute}}, Settled: []config.Step{}},
		ExpiryGrace: 2 * hour, FailureDelay: 10 * time.Second, Doubt: config.Doubt{Looks: 5, Span: hour},
	}
	if !reflect.DeepEqual(c.Watch, wantWatch) {
		t.Errorf("watch = %+v, want %+v", c.Watch, wantWatch)
	}
	wantWebhooks := config.Webhooks{
		Schedule: []time.Duration{0, 5 * time.Second}, TimeLimit: 20 * time.Second, AllowPorts: []int{443, 8443}, AllowHTTP: true,
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd12::/48")},
	}
	if !reflect.DeepEqual(c.Webhooks, wantWebhooks) {
		t.Errorf("webhooks = %+v, want %+v", c.Webhooks, wantWebhooks)
	}
	wantLimits := config.Limits{Rate: 2.5, Burst: 4, Concurrency: 3, TimeLimit: 12 * time.Second}
	if a := c.Accounts[0]; a.Name != "main" || a.Provider != "uapay" || a.MinInterval != 7*time.Second || a.Limits != wantLimits {
		t.Errorf("account = %+v", a)
	}
	e := c.Endpoints[0]
	if e.Secrets[0].Reveal() != environment()["HOOK"] {
		t.Error("the endpoint's secret is not the environment's")
	}
	e.Secrets = nil
	if want := (config.Endpoint{Merchant: "shop", ID: "orders", URL: "http://shop.example/hook", Events: []string{"payment.succeeded"}, Concurrency: 2, Rate: 1.5, Disabled: true}); !reflect.DeepEqual(e, want) {
		t.Errorf("endpoint = %+v, want %+v", e, want)
	}
}
