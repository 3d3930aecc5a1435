package merchant

import (
	"bytes"
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/sandboxtest"
)

// The vector that all Standard Webhooks libraries test themselves with.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// bundle is one shop on a network in memory.
type bundle struct {
	shop   *Merchant
	client *http.Client
	url    string
}

func inBubble(t *testing.T, plan func() *fault.Plan, test func(t *testing.T, b *bundle)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if plan == nil {
			plan = func() *fault.Plan { return fault.New(1, fault.None, time.Now(), time.Second) }
		}
		shop, err := New(Options{Secrets: map[string]string{"shop": vectorSecret}, Plan: plan(), Step: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		network := sandboxtest.NewNetwork()
		l, err := network.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: shop, ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		test(t, &bundle{shop: shop, client: network.Client(), url: "http://" + l.Addr().String()})
		_ = server.Close()
		<-served
		// net/http lingers for half a second on a connection it cut off.
		time.Sleep(time.Second)
	})
}

// delivery is one webhook, before it is sent.
type delivery struct {
	method, path, id, timestamp, signature, body string
}

func vector() delivery {
	return delivery{"POST", "/hooks/shop", vectorID, strconv.Itoa(vectorTime), vectorSignature, vectorBody}
}

// fresh signs a webhook for now.
func fresh(t *testing.T, id, body string) delivery {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return delivery{"POST", "/hooks/shop", id, strconv.FormatInt(now.Unix(), 10), signature, body}
}

func (b *bundle) send(t *testing.T, d delivery) (int, http.Header, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), d.method, b.url+d.path, strings.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"webhook-id": d.id, "webhook-timestamp": d.timestamp, "webhook-signature": d.signature} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	res, err := b.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header, nil
}

func (b *bundle) last(t *testing.T) Receipt {
	t.Helper()
	all := b.shop.Receipts()
	if len(all) == 0 {
		t.Fatal("the ledger is empty")
	}
	return all[len(all)-1]
}

func TestMerchant_AcceptsThePublishedVector_InItsTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bundle) {
		time.Sleep(time.Until(time.Unix(vectorTime, 0)))
		status, _, err := b.send(t, vector())
		if status != http.StatusOK || err != nil {
			t.Fatalf("answered %d, %v", status, err)
		}
		got := b.last(t)
		if !got.Verified || !got.Delivered || got.HTTPStatus != 200 || got.Problem != "" || !got.TraceParent {
			t.Errorf("wrote down %+v", got)
		}
		if got.ID != vectorID || got.Timestamp != "1614265330" || got.Hook != "shop" || string(got.Body) != vectorBody || !got.At.Equal(time.Now()) {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestMerchant_RefusesAndWritesDownEverythingElse(t *testing.T) {
	rows := []struct {
		name   string
		change func(*delivery)
		after  time.Duration
		status int
	}{
		{"299 s old", nil, 299 * time.Second, 200},
		{"301 s old", nil, 301 * time.Second, 401},
		{"301 s from the future", nil, -301 * time.Second, 401},
		{"another body", func(d *delivery) { d.body += " " }, 0, 401},
		{"another id", func(d *delivery) { d.id += "x" }, 0, 401},
		{"no id", func(d *delivery) { d.id = "" }, 0, 401},
		{"no signature", func(d *delivery) { d.signature = "" }, 0, 401},
		{"a wrong signature", func(d *delivery) { d.signature = "v1,AAAA" }, 0, 401},
		{"a signature of a version nobody knows", func(d *delivery) { d.signature = strings.Replace(d.signature, "v1", "v9", 1) }, 0, 401},
		{"the right one of two signatures", func(d *delivery) { d.signature = "v1,AAAA " + d.signature }, 0, 200},
		{"another hook", func(d *delivery) { d.path = "/hooks/other" }, 0, 404},
		{"no hook", func(d *delivery) { d.path = "/" }, 0, 404},
		{"GET", func(d *delivery) { d.method = "GET" }, 0, 405},
		{"where a redirect leads", func(d *delivery) { d.path = RedirectPath }, 0, 410},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, b *bundle) {
				time.Sleep(time.Until(time.Unix(vectorTime, 0).Add(row.after)))
				d := vector()
				if row.change != nil {
					row.change(&d)
				}
				status, _, err := b.send(t, d)
				if status != row.status || err != nil {
					t.Fatalf("answered %d, %v", status, err)
				}
				got := b.last(t)
				if ok := row.status == 200; got.Verified != ok || got.Delivered != ok || (got.Problem == "") != ok || got.HTTPStatus != row.status {
					t.Errorf("wrote down %+v", got)
				}
			})
		})
	}
}

func TestMerchant_TooLargeAWebhookIsRefused(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bundle) {
		d := fresh(t, "evt_1", strings.Repeat("x", maxBody+1))
		if status, _, err := b.send(t, d); err == nil && status != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d", status)
		}
		if got := b.last(t); got.Verified || got.Delivered || got.Problem == "" {
			t.Errorf("wrote down a delivery: %+v", got.Problem)
		}
	})
}

// failing finds a webhook id whose first attempt meets the fault.
func failing(t *testing.T, kind fault.Kind) string {
	t.Helper()
	for n := range 5000 {
		id := "evt_" + strconv.Itoa(n)
		if fault.New(7, fault.Many, time.Time{}, time.Second).Hook(id) == kind {
			return id
		}
	}
	t.Fatalf("no id meets %s", kind)
	return ""
}

func TestMerchant_PlaysEveryFault_AndAcceptsInTheEnd(t *testing.T) {
	rows := []struct {
		kind   fault.Kind
		status int
		after  time.Duration
		header [2]string
	}{
		{kind: fault.Error500, status: 500},
		{kind: fault.Unavailable503, status: 503, header: [2]string{"Retry-After", "1"}},
		{kind: fault.Redirect, status: 302, header: [2]string{"Location", RedirectPath}},
		{kind: fault.Slow, status: 200, after: time.Second / 2},
		{kind: fault.Hang, after: 2 * time.Second},
		{kind: fault.Reset},
	}
	for _, row := range rows {
		t.Run(string(row.kind), func(t *testing.T) {
			plan := func() *fault.Plan { return fault.New(7, fault.Many, time.Now(), time.Second) }
			inBubble(t, plan, func(t *testing.T, b *bundle) {
				id, began := failing(t, row.kind), time.Now()
				status, header, err := b.send(t, fresh(t, id, "{}"))
				if status != row.status || (err != nil) != (row.status == 0) || time.Since(began) != row.after {
					t.Errorf("answered %d after %v, %v", status, time.Since(began), err)
				}
				if row.header[0] != "" && header.Get(row.header[0]) != row.header[1] {
					t.Errorf("%s is %q", row.header[0], header.Get(row.header[0]))
				}
				got := b.last(t)
				if !got.Verified || got.Fault != string(row.kind) || got.Delivered != (row.status == 200) || got.HTTPStatus != row.status {
					t.Errorf("wrote down %+v", got)
				}
				for range 3 {
					_, _, _ = b.send(t, fresh(t, id, "{}"))
				}
				if got := b.last(t); !got.Delivered || got.Fault != "" {
					t.Errorf("the fourth attempt was not accepted: %+v", got)
				}
			})
		})
	}
}

func TestMerchant_AWrongSignatureIsNoAttempt(t *testing.T) {
	plan := func() *fault.Plan { return fault.New(7, fault.Many, time.Now(), time.Second) }
	inBubble(t, plan, func(t *testing.T, b *bundle) {
		id := failing(t, fault.Error500)
		d := fresh(t, id, "{}")
		d.signature = "v1,AAAA"
		for range 5 {
			if status, _, _ := b.send(t, d); status != http.StatusUnauthorized {
				t.Errorf("answered %d", status)
			}
		}
		if status, _, _ := b.send(t, fresh(t, id, "{}")); status != http.StatusInternalServerError {
			t.Errorf("the first true attempt was answered %d, want its fault", status)
		}
	})
}

func TestMerchant_ASlowAnswerToNobodyIsNoDelivery(t *testing.T) {
	plan := func() *fault.Plan { return fault.New(7, fault.Many, time.Now(), time.Second) }
	inBubble(t, plan, func(t *testing.T, b *bundle) {
		b.client.Timeout = 100 * time.Millisecond
		if _, _, err := b.send(t, fresh(t, failing(t, fault.Slow), "{}")); err == nil {
			t.Fatal("the sender did not give up")
		}
		synctest.Wait()
		if got := b.last(t); got.Delivered || got.HTTPStatus != 0 {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestMerchant_Unheard_MarksWhatIsAnsweredAtThatMomentOnly(t *testing.T) {
	plan := func() *fault.Plan { return fault.New(7, fault.Many, time.Now(), time.Second) }
	inBubble(t, plan, func(t *testing.T, b *bundle) {
		send := func(kind fault.Kind) {
			t.Helper()
			_, _, _ = b.send(t, fresh(t, failing(t, kind), "{}"))
		}
		b.client.Timeout = 100 * time.Millisecond
		send(fault.Hang) // not answered at all
		synctest.Wait()
		time.Sleep(time.Minute)
		send(fault.Error500)
		time.Sleep(time.Millisecond)
		b.client.Timeout = 0
		send(fault.Unavailable503)
		b.shop.Unheard()
		time.Sleep(time.Millisecond)
		b.shop.Unheard()
		for i, want := range []bool{false, false, true} {
			if got := b.shop.Receipts()[i]; got.Unheard != want {
				t.Errorf("receipt %d, answered at %v: unheard %t, want %t", i, got.Answered, got.Unheard, want)
			}
		}
	})
}

func TestNew_RefusesSecretsAnybodyCouldSignWith(t *testing.T) {
	of := func(size int) string {
		return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, size))
	}
	rows := []struct {
		name, hook, secret string
		ok                 bool
	}{
		{"24 bytes", "shop", of(24), true}, {"64 bytes", "shop", of(64), true},
		{"empty", "shop", "", false}, {"the prefix alone", "shop", "whsec_", false}, {"23 bytes", "shop", of(23), false},
		{"65 bytes", "shop", of(65), false}, {"no prefix", "shop", strings.TrimPrefix(of(32), "whsec_"), false},
		{"no base64", "shop", "whsec_%%%%", false}, {"no hook name", "", of(32), false}, {"a path as hook name", "a/b", of(32), false},
	}
	for _, row := range rows {
		_, err := New(Options{Secrets: map[string]string{row.hook: row.secret}})
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		if err != nil && row.secret != "" && row.secret != "whsec_" && strings.Contains(err.Error(), row.secret) {
			t.Errorf("%s: the error holds the secret", row.name)
		}
	}
}
