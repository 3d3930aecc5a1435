package worker_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
)

// tenant is one of several merchants that are alike in all but their names:
// each has the same payments and endpoints of the same ids, and one has one more.
type tenant struct {
	// id holds word, which is in all that is the tenant's own: addresses,
	// credentials, metadata, answers. No other tenant's holds it.
	id, word string
	// host may be another tenant's, too; then the path tells them apart.
	host string
	// answer is how its "shop" behaves; its "money" takes everything.
	answer answering
}

const (
	sharedHost     = "hosting.example:80"
	tenantPayments = 10
)

func tenants() []tenant {
	refuses := func(status int, word string) answering {
		return func(w http.ResponseWriter, _ *http.Request, c call) int {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "%s will not have %s", word, c.id())
			return 0
		}
	}
	failing := refuses(http.StatusInternalServerError, "bravo")
	// The ids would be each other's neighbours, or all of them, were they not encoded.
	return []tenant{
		{id: "alpha", word: "alpha", host: sharedHost, answer: always(http.StatusOK)},
		{id: "bravo.shop", word: "bravo", host: sharedHost, answer: func(w http.ResponseWriter, r *http.Request, c call) int {
			if c.nth < 3 {
				return failing(w, r, c)
			}
			return http.StatusOK
		}},
		{id: "charlie.>", word: "charlie", host: "charlie.example:80", answer: refuses(http.StatusGone, "charlie")},
		{id: "*delta", word: "delta", host: "delta.example:80", answer: refuses(http.StatusBadRequest, "delta")},
		{id: "echo/alp", word: "echo", host: "nobody-listens.example:80", answer: nil},
	}
}

func (m tenant) secret(endpoint string) secret.Text { return secretOf(m.word + " " + endpoint) }

func (m tenant) credential(endpoint string) string { return m.word + "-credential-" + endpoint }

func (m tenant) path(endpoint string) string { return "/" + m.word + "/" + endpoint }

// endpoints are "shop" for everything and "money" for successes, told thinly; and
// one tenant's own, of an id that nobody else should come across.
func (m tenant) endpoints() []notify.Endpoint {
	all := []notify.Endpoint{{ID: "shop"}, {ID: "money", Events: []string{"payment.succeeded"}, Format: notify.FormatThin}}
	if m.word == "alpha" {
		all = append(all, notify.Endpoint{ID: "alpha-s"})
	}
	for i := range all {
		e := &all[i]
		host := m.host
		if e.ID != "shop" {
			host = sharedHost
		}
		e.Merchant, e.URL, e.AllowHTTP = m.id, "http://"+host+m.path(e.ID), true
		e.Secrets = []secret.Text{m.secret(e.ID)}
		e.Headers = []webhook.Header{{Name: "Authorization", Value: secret.New(m.credential(e.ID))}}
	}
	return all
}

// hostsOf starts the tenants' receivers: on the shared host each path behaves as
// its owner's.
func hostsOf(t *testing.T, network *sandboxtest.Network, all []tenant) []*hook {
	t.Helper()
	shared := func(w http.ResponseWriter, r *http.Request, c call) int {
		for _, m := range all {
			if m.host == sharedHost && c.path == m.path("shop") {
				return m.answer(w, r, c)
			}
		}
		return http.StatusOK
	}
	hooks := []*hook{startHook(t, network, sharedHost, shared)}
	for _, m := range all {
		if m.host != sharedHost && m.answer != nil {
			hooks = append(hooks, startHook(t, network, m.host, m.answer))
		}
	}
	return hooks
}

// TestWorker_NothingOfAMerchantIsSeenByAnother: the merchants share a worker,
// payment ids, endpoint ids and some a host. Each is in trouble of another kind, so
// that retries, dead letters and complaints of all of them are side by side.
func TestWorker_NothingOfAMerchantIsSeenByAnother(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		network, b, p, all, logged := sandboxtest.NewNetwork(), brokertest.Start(t), newScript(), tenants(), &syncBuffer{}
		hooks, published := hostsOf(t, network, all), listen(t, b)
		o := tells(b, p, network)
		for _, m := range all {
			o.Endpoints = append(o.Endpoints, m.endpoints()...)
		}
		o.Accounts[0].Cadence = brief()
		o.Schedule = retry.Schedule{0, time.Second, 2 * time.Second}
		o.Log = zerolog.New(logged).Level(zerolog.DebugLevel)
		startWorker(t, o)
		startWorker(t, o)
		for i := range tenantPayments {
			for _, m := range all {
				p.plan(m.id+"/"+order(i), says(payment.Processing), says(payment.Succeeded))
				announceFor(t, b, m.id, order(i))
			}
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(15 * time.Minute)

		var calls []call
		for _, h := range hooks {
			calls = append(calls, h.all()...)
		}
		seeOnlyTheirOwn(t, all, calls)
		shareNoConnection(t, hooks[0].all())
		wereTold(t, all, calls)
		for what, text := range map[string]string{"published": published.String(), "stored": stored(t, b), "logged": logged.String()} {
			tellsOfOne(t, what, text, all)
		}
		belongTogether(t, b)
	})
}

// seeOnlyTheirOwn: each request is its endpoint's in path, credential, body and
// id, verifies with its secret and no other, and names nobody else.
func seeOnlyTheirOwn(t *testing.T, all []tenant, calls []call) {
	t.Helper()
	verifiers := map[string]*standardwebhooks.Webhook{}
	for _, m := range all {
		for _, e := range m.endpoints() {
			verifiers[m.path(e.ID)] = verifierOf(t, m.secret(e.ID))
		}
	}
	owners := map[string]string{} // by webhook-id: a merchant's are its own
	for _, c := range calls {
		for path, v := range verifiers {
			if verified := v.VerifyIgnoringTimestamp(c.body, c.header) == nil; verified != (path == c.path) {
				t.Errorf("a webhook at %s verifies as one of %s: %t", c.path, path, verified)
			}
		}
		own := slices.IndexFunc(all, func(m tenant) bool { return strings.HasPrefix(c.path, m.path("")) })
		if own < 0 {
			t.Errorf("a webhook came to %s", c.path)
			continue
		}
		m, d := all[own], c.event.Data
		if of, known := owners[c.id()]; known && of != m.word {
			t.Errorf("%s and %s were sent the same id, %s", of, m.word, c.id())
		}
		owners[c.id()] = m.word
		if d.MerchantID != m.id || c.id() != payment.EventID(m.id, d.PaymentID, d.Version) || c.header.Get("Authorization") != m.credential(strings.TrimPrefix(c.path, m.path(""))) {
			t.Errorf("at %s: %s of merchant %s, %v", c.path, c.id(), d.MerchantID, c.header)
		}
		for _, word := range wordsIn(fmt.Sprint(c.header)+string(c.body), all) {
			if word != m.word {
				t.Errorf("a webhook at %s tells of %s: %s %v", c.path, word, c.body, c.header)
			}
		}
	}
}

// wordsIn are the tenants of whom a text tells.
func wordsIn(text string, all []tenant) []string {
	var found []string
	for _, m := range all {
		if strings.Contains(text, m.word) {
			found = append(found, m.word)
		}
	}
	return found
}

// shareNoConnection: what one endpoint does to its connections concerns no other,
// even at the same host.
func shareNoConnection(t *testing.T, calls []call) {
	t.Helper()
	owner := map[int]string{}
	for _, c := range calls {
		if of, known := owner[c.conn]; known && of != c.path {
			t.Errorf("%s and %s share a connection", of, c.path)
		}
		owner[c.conn] = c.path
	}
	if len(owner) == len(calls) {
		t.Error("no connection was used twice: nothing is shown")
	}
}

// wereTold: each endpoint got what is for it: a shop every version once where it
// takes them, a filter for successes only those.
func wereTold(t *testing.T, all []tenant, calls []call) {
	t.Helper()
	got := map[string]int{}
	for _, c := range calls {
		if c.status == http.StatusOK {
			got[c.path]++
		}
		if strings.HasSuffix(c.path, "/money") && c.event.Type != payment.TypeOf(payment.Succeeded) {
			t.Errorf("%s was told of %s", c.path, c.event.Type)
		}
		if thin := strings.HasSuffix(c.path, "/money"); thin == strings.Contains(string(c.body), `"metadata"`) {
			t.Errorf("%s was told: %s", c.path, c.body)
		}
	}
	for _, m := range all {
		shop := 3 * tenantPayments
		if m.word != "alpha" && m.word != "bravo" {
			shop = 0
		}
		if m.word == "alpha" && got[m.path("alpha-s")] != shop {
			t.Errorf("the endpoint that only alpha has took %d webhooks, want %d", got[m.path("alpha-s")], shop)
		}
		if got[m.path("shop")] != shop || got[m.path("money")] != tenantPayments {
			t.Errorf("%s took %d and %d webhooks, want %d and %d", m.word, got[m.path("shop")], got[m.path("money")], shop, tenantPayments)
		}
	}
}

// tellsOfOne: no line, which is a message or a log's line, tells of two tenants,
// and none holds a secret, a credential or an address of an endpoint.
func tellsOfOne(t *testing.T, what, text string, all []tenant) {
	t.Helper()
	told := map[string]int{}
	for line := range strings.Lines(text) {
		words := wordsIn(line, all)
		if len(words) > 1 {
			t.Errorf("%s: of %v in one: %s", what, words, line)
		}
		for _, word := range words {
			told[word]++
		}
	}
	for _, m := range all {
		if told[m.word] == 0 {
			t.Errorf("%s: nothing about %s, so nothing is shown", what, m.word)
		}
		for _, e := range m.endpoints() {
			encoded := strings.TrimPrefix(m.secret(e.ID).Reveal(), "whsec_")
			raw, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			contains(t, what, text, []string{encoded, string(raw), m.credential(e.ID), m.path(e.ID)})
		}
	}
}

// belongTogether: the subject of each record, letter and event is that of the
// merchant it tells of.
func belongTogether(t *testing.T, b *broker.Broker) {
	t.Helper()
	outcomes, letters := map[string]int{}, map[string]int{}
	for _, m := range read(t, b, broker.StreamWebhookLog) {
		if endpoint.IsEventSubject(m.Subject) {
			continue // tellsOfOne has looked at these
		}
		outcome, of, err := broker.ParseWebhookLogSubject(m.Subject)
		var line attemptLine
		if err != nil || json.Unmarshal(m.Data, &line) != nil {
			t.Fatalf("%s: %s (%v)", m.Subject, m.Data, err)
		}
		if line.MerchantID != of.Merchant || line.Endpoint != of.Endpoint || line.PaymentID != of.Payment || line.EventID != payment.EventID(of.Merchant, of.Payment, of.Version) {
			t.Errorf("%s holds %s", m.Subject, m.Data)
		}
		outcomes[outcome]++
	}
	for _, m := range read(t, b, broker.StreamDead) {
		of, err := broker.ParseDeadSubject(m.Subject)
		e, broken := payment.ParseEvent(m.Data)
		if err != nil || broken != nil || e.Data.MerchantID != of.Merchant || e.Data.PaymentID != of.Payment {
			t.Errorf("%s holds %s (%v, %v)", m.Subject, m.Data, err, broken)
		}
		letters[of.Reason]++
	}
	t.Logf("outcomes %v, letters %v", outcomes, letters)
	for _, outcome := range []string{"delivered", "failed", "exhausted", "skipped"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no webhook was %s: nothing is shown", outcome)
		}
	}
	if letters["gone"] == 0 || letters["exhausted"] == 0 {
		t.Error("no letter of each reason: nothing is shown")
	}
}
