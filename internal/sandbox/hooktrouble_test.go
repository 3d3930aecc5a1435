package sandbox

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// answered is what a sender saw of an answer.
type answered struct {
	status int
	header http.Header
	read   int // bytes of the body
	err    error
}

// post delivers a webhook and reads the answer to at most 16 KiB, as senders do.
func post(t *testing.T, c *client, hook Hook, header map[string]string) answered {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(hook.Secret)
	if err != nil {
		t.Fatal(err)
	}
	const id, body = "evt_1", `{"type":"x"}`
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, hook.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answered{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, 16<<10))
	return answered{status: res.StatusCode, header: res.Header, read: int(n), err: err}
}

func TestSandbox_HookTroubles_AreAnsweredAndWrittenDown(t *testing.T) {
	const late = 600 * time.Millisecond
	rows := []struct {
		kind TroubleKind
		// status is what the sender sees, 0: no answer; written what the ledger has.
		status, written  int
		delivered, taken bool
		header           [2]string
		took             time.Duration
		broken           bool // the body does not end well
	}{
		{kind: HookDownReset}, {kind: HookDownHang, took: 2 * time.Second},
		{kind: Hook500, status: 500, written: 500},
		{kind: Hook503, status: 503, written: 503, header: [2]string{"Retry-After", "7200"}},
		{kind: Hook429, status: 429, written: 429, header: [2]string{"Retry-After", "7200"}},
		{kind: HookTakes500, status: 500, written: 500, taken: true},
		{kind: HookSlow, status: 200, written: 200, delivered: true, taken: true, took: late},
		{kind: HookSlowBody, status: 200, written: 200, delivered: true, taken: true, took: late},
		{kind: HookSlowReading, status: 200, written: 200, delivered: true, taken: true, took: 2 * late}, // a second piece is the body
		{kind: Hook302, status: 302, written: 302, header: [2]string{"Location", "/redirected"}},
		{kind: Hook307, status: 307, written: 307, header: [2]string{"Location", "/redirected"}},
		{kind: Hook304, status: 304, written: 304}, {kind: Hook410, status: 410, written: 410},
		{kind: HookEndless, status: 200, written: 200, delivered: true, taken: true, took: 1500 * time.Millisecond},
		{kind: HookHuge, status: 200, written: 200, delivered: true, taken: true},
		{kind: HookCut, status: 200, written: 200, delivered: true, taken: true, broken: true},
	}
	if len(rows)+1 != len(HookTroubleKinds()) { // the one more is told by itself
		t.Errorf("%d rows for %d kinds", len(rows), len(HookTroubleKinds()))
	}
	for _, row := range rows {
		t.Run(string(row.kind), func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
				now := time.Now()
				trouble := Trouble{Hook: AllHooks, Kind: row.kind, From: now, Until: now.Add(time.Hour), Late: late, RetryAfter: 2 * time.Hour}
				mustTrouble(t, s, trouble)
				got := post(t, c, s.Hooks()[0], nil)
				took := time.Since(now)
				if got.status != row.status || (got.err != nil) != (row.status == 0 || row.broken) {
					t.Errorf("answered %d, %v", got.status, got.err)
				}
				// Slow reading depends on how a client packs what it writes.
				if took != row.took && (row.kind != HookSlowReading || took < row.took) {
					t.Errorf("took %v, want %v", took, row.took)
				}
				if row.header[0] != "" && got.header.Get(row.header[0]) != row.header[1] {
					t.Errorf("%s is %q", row.header[0], got.header.Get(row.header[0]))
				}
				if trickles := row.kind == HookEndless || row.kind == HookHuge; trickles != (got.read == 16<<10) {
					t.Errorf("read %d bytes", got.read)
				}
				wait(time.Second)
				all := s.Received()
				r := all[0]
				if len(all) != 1 || !r.Verified || r.Fault != string(row.kind) || r.HTTPStatus != row.written || r.Delivered != row.delivered || r.Taken != row.taken {
					t.Errorf("wrote down %d, the first %+v", len(all), r)
				}
				if waits := row.header[0] == "Retry-After"; waits != (r.RetryAfter == 2*time.Hour) {
					t.Errorf("wrote down a Retry-After of %v", r.RetryAfter)
				}
				wait(time.Hour)
				post(t, c, s.Hooks()[0], nil)
				if r := s.ReceivedSince(1); len(r) != 1 || !r[0].Delivered || !r[0].Taken || r[0].Fault != "" {
					t.Errorf("after its end: %+v", r)
				}
			})
		})
	}
}

func TestSandbox_HookDownRefused_IsNoReceipt_AndClosesKeptConnections(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		transport := c.http.Transport.(*http.Transport)
		transport.DisableKeepAlives = false
		defer transport.CloseIdleConnections()
		if got := post(t, c, s.Hooks()[0], nil); got.status != 200 {
			t.Fatalf("before: %+v", got)
		}
		mustTrouble(t, s, Trouble{Hook: AllHooks, Kind: HookDownRefused, Until: time.Now().Add(time.Hour)})
		kept := post(t, c, s.Hooks()[0], nil) // on the connection of before
		again := post(t, c, s.Hooks()[0], nil)
		if kept.err == nil || again.err == nil || s.Tally().RefusedConnections == 0 {
			t.Errorf("answered %+v and %+v, tally %+v", kept, again, s.Tally())
		}
		for _, r := range s.ReceivedSince(1) {
			if r.Delivered || r.Taken || r.Fault != string(HookDownRefused) {
				t.Errorf("wrote down %+v", r)
			}
		}
		wait(time.Hour)
		if got := post(t, c, s.Hooks()[0], nil); got.status != 200 {
			t.Errorf("after: %+v", got)
		}
	})
}

func TestStop_EndsAHookThatReadsSlowly(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		mustTrouble(t, s, Trouble{Hook: AllHooks, Kind: HookSlowReading, Until: time.Now().Add(100 * time.Hour), Late: 10 * time.Hour})
		if got := post(t, c, s.Hooks()[0], nil); got.err == nil {
			t.Errorf("answered %+v", got)
		}
		began := time.Now()
		if err := s.Stop(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("stop took %v: %v", time.Since(began), err)
		}
	})
}

func TestSandbox_HookTrouble_IsOneHooksAlone(t *testing.T) {
	secrets := map[string]string{"a": DefaultHookSecret, "b": DefaultHookSecret}
	inBubble(t, Options{Merchant: MerchantOptions{Secrets: secrets}}, func(t *testing.T, s *Sandbox, c *client) {
		mustTrouble(t, s, Trouble{Hook: "a", Kind: Hook410}) // for good
		for range 3 {
			a, b := post(t, c, s.Hooks()[0], nil), post(t, c, s.Hooks()[1], nil)
			if a.status != 410 || b.status != 200 {
				t.Errorf("a answers %d, b %d", a.status, b.status)
			}
			wait(100 * 24 * time.Hour)
		}
	})
}

func TestSandbox_HookWaits_MayBeADate(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		now := time.Now()
		mustTrouble(t, s, Trouble{Hook: "shop", Kind: Hook503, Until: now.Add(time.Hour), RetryAfter: 5 * time.Hour, AsDate: true})
		got := post(t, c, s.Hooks()[0], nil)
		if at, err := http.ParseTime(got.header.Get("Retry-After")); err != nil || !at.Equal(now.Add(5*time.Hour)) {
			t.Errorf("Retry-After is %q, %v", got.header.Get("Retry-After"), err)
		}
	})
}

func TestSandbox_Receipt_SaysWhichIsAReplay(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		for _, value := range []string{"", "true", "no"} {
			post(t, c, s.Hooks()[0], map[string]string{"webhook-replay": value})
		}
		var got []string
		for _, r := range s.Received() {
			got = append(got, fmt.Sprint(r.Replay))
		}
		if strings.Join(got, " ") != "false true false" {
			t.Errorf("replays: %v", got)
		}
	})
}

// countDials counts the connections that a transport opens from now on.
func countDials(transport *http.Transport) *int {
	dials, dial := 0, transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return dial(ctx, network, address)
	}
	return &dials
}

// A month of asks and webhooks, seven hours apart, on connections that are kept.
func TestSandbox_KeepsConnections_ForHoursOverAMonth(t *testing.T) {
	inBubble(t, Options{Seed: 5}, func(t *testing.T, s *Sandbox, c *client) {
		transport := c.http.Transport.(*http.Transport)
		transport.DisableKeepAlives = false
		defer transport.CloseIdleConnections()
		made := map[string]Payment{}
		for _, provider := range Providers() {
			made[provider] = mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged", Stretch: Weeks()})
		}
		dials := countDials(transport)
		for range 30 * 24 / 7 {
			for _, provider := range Providers() {
				if _, _, err := c.ask(t.Context(), made[provider]); err != nil {
					t.Fatal(err)
				}
			}
			if got := post(t, c, s.Hooks()[0], nil); got.status != 200 {
				t.Fatalf("a webhook was not taken: %+v", got)
			}
			wait(7 * time.Hour)
		}
		if most := len(Providers()) + 1; *dials > most {
			t.Errorf("dialed %d times, for %d servers", *dials, most)
		}
		for _, provider := range Providers() {
			_, _, _ = c.ask(t.Context(), made[provider])
			_, _, _ = c.ask(t.Context(), made[provider])
			if truth := s.Truth(provider, made[provider].Reference); !truth.Ended || lastAsk(s).Told != Charged {
				t.Errorf("%s: after a month %+v, told %+v", provider, truth, lastAsk(s))
			}
		}
	})
}
