package notify

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keyA    = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	secretB = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

func endpoint() Endpoint {
	return Endpoint{
		ID: "main", Merchant: "shop-1", URL: "https://shop.example/webhooks?token=in-the-query",
		Secrets: []secret.Text{secret.New(secretA)},
	}
}

func TestEndpoint_CheckFindsEachFault(t *testing.T) {
	now := time.Now()
	client := func(from time.Time) webhook.ClientCertificate {
		made := webhooktest.Make(t, "caller", from.AddDate(0, 1, 0))
		return webhook.ClientCertificate{Chain: secret.New(made.Chain), Key: secret.New(made.Key)}
	}
	tests := []struct {
		name   string
		change func(*Endpoint)
		field  string // "": no fault
	}{
		{"good", func(*Endpoint) {}, ""},
		{"longest id", func(e *Endpoint) { e.ID = strings.Repeat("a", 64) }, ""},
		{"every character of an id", func(e *Endpoint) { e.ID = "azAZ09_-" }, ""},
		{"id absent", func(e *Endpoint) { e.ID = "" }, "id"},
		{"id too long", func(e *Endpoint) { e.ID = strings.Repeat("a", 65) }, "id"},
		{"id with a dot", func(e *Endpoint) { e.ID = "a.b" }, "id"},
		{"id with a wildcard", func(e *Endpoint) { e.ID = "*" }, "id"},
		{"id not ASCII", func(e *Endpoint) { e.ID = "é" }, "id"},
		{"merchant of any bytes", func(e *Endpoint) { e.Merchant = "ACME Kiosk № 1.*" }, ""},
		{"longest merchant", func(e *Endpoint) { e.Merchant = strings.Repeat("m", 128) }, ""},
		{"merchant absent", func(e *Endpoint) { e.Merchant = "" }, "merchant"},
		{"merchant too long", func(e *Endpoint) { e.Merchant = strings.Repeat("m", 129) }, "merchant"},
		{"merchant with a control character", func(e *Endpoint) { e.Merchant = "shop\n" }, "merchant"},
		{"URL with port", func(e *Endpoint) { e.URL = "https://shop.example:8443/" }, ""},
		{"URL of an address", func(e *Endpoint) { e.URL = "https://[2606:4700::1]:8443/" }, ""},
		{"URL absent", func(e *Endpoint) { e.URL = "" }, "url"},
		{"URL relative", func(e *Endpoint) { e.URL = "/webhooks" }, "url"},
		{"URL without scheme", func(e *Endpoint) { e.URL = "//shop.example/webhooks" }, "url"},
		{"URL without host", func(e *Endpoint) { e.URL = "https:///webhooks" }, "url"},
		{"URL without slashes", func(e *Endpoint) { e.URL = "https:shop.example" }, "url"},
		{"URL unreadable", func(e *Endpoint) { e.URL = "https://shop.example/%zz" }, "url"},
		{"URL too long", func(e *Endpoint) { e.URL = "https://shop.example/" + strings.Repeat("a", 2048) }, "url"},
		{"http", func(e *Endpoint) { e.URL = "http://shop.example/" }, "url"},
		{"client certificate", func(e *Endpoint) { e.Client = client(now) }, ""},
		{"client certificate that has expired, which is the caller's to ask for", func(e *Endpoint) { e.Client = client(now.AddDate(-2, 0, 0)) }, ""},
		{"client certificate without a key", func(e *Endpoint) { e.Client = client(now); e.Client.Key = secret.Text{} }, "key_file"},
		{"client certificate of another key", func(e *Endpoint) { e.Client = client(now); e.Client.Key = client(now).Key }, "key_file"},
		{"key without a certificate", func(e *Endpoint) { e.Client = client(now); e.Client.Chain = secret.Text{} }, "certificate_file"},
		{"key in the certificate", func(e *Endpoint) { e.Client = client(now); e.Client.Chain = e.Client.Key }, "certificate_file"},
		{"client certificate for http", func(e *Endpoint) { e.Client = client(now); e.URL = "http://shop.example/"; e.AllowHTTP = true }, "certificate_file"},
		{"authorities", func(e *Endpoint) { e.CAs = client(now).Chain }, ""},
		{"authorities that are none", func(e *Endpoint) { e.CAs = secret.New("canary") }, "ca_file"},
		{"http allowed", func(e *Endpoint) { e.URL = "http://shop.example/"; e.AllowHTTP = true }, ""},
		{"another scheme, http allowed", func(e *Endpoint) { e.URL = "ftp://shop.example/"; e.AllowHTTP = true }, "url"},
		{"user in the URL", func(e *Endpoint) { e.URL = "https://user@shop.example/" }, "url"},
		{"fragment", func(e *Endpoint) { e.URL = "https://shop.example/#" }, "url"},
		{"port 0", func(e *Endpoint) { e.URL = "https://shop.example:0/" }, "url"},
		{"port 65536", func(e *Endpoint) { e.URL = "https://shop.example:65536/" }, "url"},
		{"all payments", func(e *Endpoint) { e.Events = []string{"payment.*"} }, ""},
		{"status without event", func(e *Endpoint) { e.Events = []string{"payment.succeeded", "succeeded"} }, "events[1]"},
		{"status that is none", func(e *Endpoint) { e.Events = []string{"payment.paid"} }, "events[0]"},
		{"half a wildcard", func(e *Endpoint) { e.Events = []string{"payment.succ*"} }, "events[0]"},
		{"wildcard alone", func(e *Endpoint) { e.Events = []string{"*"} }, "events[0]"},
		{"two secrets", func(e *Endpoint) { e.Secrets = append(e.Secrets, secret.New(secretB)) }, ""},
		{"no secret", func(e *Endpoint) { e.Secrets = nil }, "secrets"},
		{"nine secrets", func(e *Endpoint) { e.Secrets = slices.Repeat(e.Secrets, 9) }, "secrets"},
		{"secret without prefix", func(e *Endpoint) { e.Secrets = append(e.Secrets, secret.New(secretB[6:])) }, "secrets[1]"},
		{"secret too short", func(e *Endpoint) { e.Secrets[0] = secret.New("whsec_c2hvcnQ=") }, "secrets[0]"},
		{"secret key of v1a", func(e *Endpoint) { e.Secrets = append(e.Secrets, secret.New(keyA)) }, ""},
		{"half a secret key", func(e *Endpoint) { e.Secrets[0] = secret.New(keyA[:20]) }, "secrets[0]"},
		{"public key", func(e *Endpoint) { e.Secrets[0] = secret.New("whpk_" + keyA[5:]) }, "secrets[0]"},
		{"header", func(e *Endpoint) { e.Headers = []webhook.Header{{Name: "X-Api-Key", Value: secret.New("k")}} }, ""},
		{"header of ours", func(e *Endpoint) { e.Headers = []webhook.Header{{Name: "Webhook-Id", Value: secret.New("k")}} }, "headers[0]"},
		{"schedule", func(e *Endpoint) { e.Schedule = []time.Duration{0, time.Second, 720 * time.Hour} }, ""},
		{"schedule backwards", func(e *Endpoint) { e.Schedule = []time.Duration{0, -1} }, "schedule[1]"},
		{"schedule for years", func(e *Endpoint) { e.Schedule = []time.Duration{720*time.Hour + 1} }, "schedule[0]"},
		{"endless schedule", func(e *Endpoint) { e.Schedule = make([]time.Duration, 101) }, "schedule"},
		{"thin", func(e *Endpoint) { e.Format = FormatThin }, ""},
		{"full", func(e *Endpoint) { e.Format = FormatFull }, ""},
		{"another format", func(e *Endpoint) { e.Format = "xml" }, "format"},
		{"concurrency", func(e *Endpoint) { e.Concurrency = -1 }, "concurrency"},
		{"rate", func(e *Endpoint) { e.Rate = -0.5 }, "rate"},
		{"rate that is no number", func(e *Endpoint) { e.Rate = math.NaN() }, "rate"},
		{"endless rate", func(e *Endpoint) { e.Rate = math.Inf(1) }, "rate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := endpoint()
			tt.change(&e)
			found := e.Check()
			if tt.field == "" {
				if len(found) > 0 {
					t.Errorf("a good endpoint is refused: %v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Field != tt.field {
				t.Errorf("faults %v, want one of %s", found, tt.field)
			}
		})
	}
	for _, status := range payment.Statuses() {
		e := endpoint()
		e.Events = []string{payment.TypeOf(status)}
		if found := e.Check(); len(found) > 0 {
			t.Errorf("event %s is refused: %v", e.Events[0], found)
		}
	}
}

func TestEndpoint_CheckFindsAllFaultsAtOnce_AndRepeatsNoValue(t *testing.T) {
	e := Endpoint{
		ID: "bad id", Merchant: "", URL: "http://user:hunter2@shop.example:0/#secret-part", Events: []string{"payment.nope"},
		Secrets: []secret.Text{secret.New("whsec_dG9vLXNob3J0")}, Concurrency: -77, Rate: -77,
	}
	var fields []string
	for _, fault := range e.Check() {
		fields = append(fields, fault.Field)
		for _, value := range []string{"bad id", "hunter2", "shop.example:", "secret-part", "nope", "dG9v", "too-short", "77"} {
			if strings.Contains(fault.Error(), value) {
				t.Errorf("%q shows in %q", value, fault.Error())
			}
		}
	}
	want := []string{"id", "merchant", "url", "url", "url", "url", "events[0]", "secrets[0]", "concurrency", "rate"}
	if !slices.Equal(fields, want) {
		t.Errorf("faults of %v, want %v", fields, want)
	}
}

func TestEndpoint_CheckValidityNamesACertificateThatIsNotValidThen(t *testing.T) {
	until := time.Now().Truncate(time.Second)
	made := webhooktest.Make(t, "caller", until)
	e := endpoint()
	e.Client = webhook.ClientCertificate{Chain: secret.New(made.Chain), Key: secret.New(made.Key)}
	for at, want := range map[time.Time]string{until: "", until.Add(1): "has expired at ", until.AddDate(-1, 0, -1): "is not valid before "} {
		var problem string
		for _, f := range e.CheckValidity(at) {
			problem += f.Field + " " + f.Problem
		}
		if want == "" && problem != "" || want != "" && !strings.HasPrefix(problem, "certificate_file "+want) {
			t.Errorf("at %s: %q", at, problem)
		}
	}
	if found := endpoint().CheckValidity(until); found != nil {
		t.Errorf("without a certificate: %v", found)
	}
}

func TestInterested_FollowsTheFilter(t *testing.T) {
	tests := []struct {
		name     string
		events   []string
		disabled bool
		event    string
		want     bool
	}{
		{"no filter", nil, false, "payment.succeeded", true},
		{"no filter, another family", nil, false, "webhook.endpoint_disabled", true},
		{"exact", []string{"payment.failed", "payment.succeeded"}, false, "payment.succeeded", true},
		{"exact, another", []string{"payment.failed"}, false, "payment.succeeded", false},
		{"exact is no prefix", []string{"payment.refunded"}, false, "payment.refunded_twice", false},
		{"family", []string{"payment.*"}, false, "payment.charged_back", true},
		{"another family", []string{"payment.*"}, false, "payments.succeeded", false},
		{"half a family", []string{"payment.succ*"}, false, "payment.succeeded", false},
		{"wildcard alone", []string{"*"}, false, "payment.succeeded", false},
		{"disabled: it misses the event", nil, true, "payment.succeeded", true},
		{"disabled, by its filter too", []string{"payment.failed"}, true, "payment.succeeded", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Interested(Endpoint{Events: tt.events, Disabled: tt.disabled}, tt.event); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestCheckAll_RefusesFaultsAndDuplicates(t *testing.T) {
	twice, faulty := endpoint(), endpoint()
	faulty.Merchant, faulty.URL, faulty.Secrets = "shop-3", "http://shop.example/hidden", nil
	elsewhere := endpoint()
	elsewhere.Merchant = "shop-2"
	if err := CheckAll([]Endpoint{endpoint(), elsewhere}); err != nil {
		t.Errorf("two merchants with an endpoint of one id: %v", err)
	}
	err := CheckAll([]Endpoint{endpoint(), twice, faulty})
	if err == nil {
		t.Fatal("CheckAll took a duplicate and a faulty endpoint")
	}
	for _, part := range []string{`endpoint 2: another endpoint of this merchant has the id "main"`, "endpoint 3: url must be https", "endpoint 3: secrets must be 1 to 8"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "endpoint 1") {
		t.Errorf("the error says too much: %v", err)
	}
}
