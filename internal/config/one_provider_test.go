package config_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/catalog"
)

// twoShops are two contracts with one provider in one file, and a third that
// sets nothing of its own.
const twoShops = `
watch: {cadence: {held: [{until: 5d, every: 2h}]}}
accounts:
  - name: shop-a
    provider: finipay
    min_interval: 11s
    settings: {base_url: "https://a.example", login: login-a, password: {env: A}, status_method: POST}
    limits: {rate: 5, burst: 7, concurrency: 3, time_limit: 4s}
    breaker: {consecutive: 2, reopen_first: 1s, reopen_longest: 2s, ramp: 3s}
    cadence: {open: [{until: 1h, every: 20s}]}
  - name: shop-b
    provider: finipay
    min_interval: 22s
    settings: {base_url: "https://b.example", login: login-b, password: {env: B}}
    limits: {rate: 50, concurrency: 30, time_limit: 40s}
    breaker: {consecutive: 9, ratio: 0.75, min_requests: 8, window: 20s}
  - name: shop-c
    provider: finipay
    settings: {base_url: "https://a.example", login: login-c, password: {file: secrets/password}}
`

func shopSecrets(name string) (string, bool) {
	value, ok := map[string]string{"A": "password-a", "B": "password-b"}[name]
	return value, ok
}

// caught is a transport that answers nothing and keeps what it was given.
type caught struct{ got []*http.Request }

func (c *caught) RoundTrip(r *http.Request) (*http.Response, error) {
	c.got = append(c.got, r)
	return nil, io.EOF
}

func TestWorkerOptions_GiveEachAccountOfOneProviderItsOwn(t *testing.T) {
	c, err := config.Parse("x", []byte(twoShops), config.Lookup{Env: shopSecrets, Dir: "testdata"})
	if err != nil {
		t.Fatal(err)
	}
	var transports []*caught
	o, err := c.WorkerOptions(func() http.RoundTripper {
		transports = append(transports, &caught{})
		return transports[len(transports)-1]
	})
	if err != nil || len(o.Accounts) != 3 || len(transports) != 3 {
		t.Fatalf("%d accounts over %d transports, %v; want 3 over 3", len(o.Accounts), len(transports), err)
	}
	want := []struct {
		name, host, login, password, method string
		floor, limit                        time.Duration
		rate                                float64
		burst, concurrency, consecutive     int
		firstLook                           time.Duration
	}{
		{"shop-a", "a.example", "login-a", "password-a", "POST", 11 * time.Second, 4 * time.Second, 5, 7, 3, 2, 20 * time.Second},
		{"shop-b", "b.example", "login-b", "password-b", "GET", 22 * time.Second, 40 * time.Second, 50, 50, 30, 9, 10 * time.Second},
		{"shop-c", "a.example", "login-c", "s3cret-of-the-file", "GET", 0, 10 * time.Second, 0, 1, 16, 5, 10 * time.Second},
	}
	for i, w := range want {
		a := o.Accounts[i]
		if a.Name != w.name || a.Provider.Profile().Name != "finipay" || a.Floor != w.floor {
			t.Errorf("account %d is %q of %s with the floor %s", i, a.Name, a.Provider.Profile().Name, a.Floor)
		}
		if g := a.Guard; g.Rate != w.rate || g.Burst != w.burst || g.Concurrency != w.concurrency || g.TimeLimit != w.limit || int(g.Consecutive) != w.consecutive {
			t.Errorf("%s is guarded by %+v", w.name, g)
		}
		if open, held := a.Cadence.Open[0].Every, a.Cadence.Held[0].Every; open != w.firstLook || held != 2*time.Hour {
			t.Errorf("%s is looked at after %s, held after %s", w.name, open, held)
		}
		if _, err := a.Provider.Poll(context.Background(), providers.Query{Reference: payment.Reference{"order_number": "o-1"}}); !errors.Is(err, providers.Unavailable) {
			t.Errorf("%s: poll gave %v", w.name, err)
		}
		if len(transports[i].got) != 1 {
			t.Fatalf("%s made %d requests over its transport, want 1", w.name, len(transports[i].got))
		}
		r := transports[i].got[0]
		if login, password, _ := r.BasicAuth(); login != w.login || password != w.password || r.URL.Host != w.host || r.Method != w.method {
			t.Errorf("%s asks %s %s as %q with %q", w.name, r.Method, r.URL.Host, login, password)
		}
	}
	if a, b := o.Accounts[0].Guard.Reopen, o.Accounts[1].Guard.Reopen; slices.Equal(a, b) || a[0] != time.Second {
		t.Errorf("the taps reopen after %v and %v, want times of their own", a, b)
	}
}

// What is wrong with one account is said about that one.
func TestParse_NamesTheFaultyOneOfTwoAccountsOfOneProvider(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"a secret that is not set", "{env: B}", "{env: C}", []string{"accounts[1].settings.password"}},
		{"an address", "https://b.example", "ftp://b.example", []string{"accounts[1].settings.base_url"}},
		{"a limit", "rate: 50,", "rate: -50,", []string{"accounts[1].limits.rate"}},
		{"the other's name", "name: shop-b", "name: shop-a", []string{"accounts[1].name"}},
		{"a setting of another provider", "login: login-b,", "login: login-b, terminal: x,", []string{"accounts[1].settings.terminal"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(twoShops, test.old, test.new, 1)
			_, err := config.Parse("x", []byte(text), config.Lookup{Env: shopSecrets, Dir: "testdata"})
			var faults *config.FaultsError
			if !errors.As(err, &faults) {
				t.Fatalf("Parse() = %v", err)
			}
			var paths []string
			for _, f := range faults.Faults {
				paths = append(paths, f.Field)
			}
			if !slices.Equal(paths, test.want) {
				t.Errorf("faults at %v, want %v", paths, test.want)
			}
			for _, value := range []string{"password-a", "password-b", "login-a", "login-b"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the error shows %q: %v", value, err)
				}
			}
		})
	}
}

// Settings are made anew for every account, or the second account's would be the
// first one's too.
func TestParse_SharesNoSettingsBetweenAccounts_OfAnyProvider(t *testing.T) {
	for _, e := range catalog.All() {
		if a, b := e.Settings(), e.Settings(); a == b {
			t.Errorf("%s: two accounts would share %T", e.Name, a)
		}
	}
}
