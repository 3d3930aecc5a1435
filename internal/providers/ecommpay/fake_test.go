package ecommpay

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

const (
	testKey     = "golden-secret"
	testProject = 4711
)

type reply = providertest.Reply

// fake is the Gate as far as the tests need it. It shares no code with the
// adapter: it puts the two signed lines together by hand.
type fake struct {
	t       *testing.T
	project string
	reply   reply
	// paths are the paths asked.
	paths []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.paths = append(f.paths, r.URL.Path)
	f.checkRequest(r)
	f.reply.Write(w)
}

// fields are those of a request.
type fields struct {
	ProjectID json.Number `json:"project_id"`
	PaymentID string      `json:"payment_id"`
	RequestID string      `json:"request_id"`
	Signature string      `json:"signature"`
}

func (f *fake) checkRequest(r *http.Request) {
	f.t.Helper()
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
		f.t.Errorf("request is %s with headers %v", r.Method, r.Header)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Errorf("read the request: %v", err)
	}
	var got struct {
		General fields `json:"general"`
		fields
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		f.t.Errorf("request %s: %v", body, err)
	}
	switch r.URL.Path {
	case "/v2/payment/status":
		in := got.General
		f.checkSignature(in.Signature, "general:payment_id:"+in.PaymentID+";general:project_id:"+in.ProjectID.String())
		if in.ProjectID.String() != f.project || got.fields != (fields{}) {
			f.t.Errorf("request %s", body)
		}
	case "/v2/payment/status/request":
		in := got.fields
		f.checkSignature(in.Signature, "project_id:"+in.ProjectID.String()+";request_id:"+in.RequestID)
		if in.ProjectID.String() != f.project || got.General != (fields{}) {
			f.t.Errorf("request %s", body)
		}
	default:
		f.t.Errorf("path %s", r.URL.Path)
	}
}

func (f *fake) checkSignature(signature, text string) {
	f.t.Helper()
	if signature != mac(testKey, text) {
		f.t.Errorf("signature %s is not that of %s", signature, text)
	}
}

// mac signs a text independently of the adapter.
func mac(key, text string) string {
	h := hmac.New(sha512.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signed signs an answer of few lines, which must be given in order.
func signed(body string, lines ...string) string {
	return strings.TrimSuffix(body, "}") + `,"signature":"` + mac(testKey, strings.Join(lines, ";")) + `"}`
}

// overHTTP makes an adapter that asks the fake over a real connection.
func overHTTP(t *testing.T, f *fake, change func(*Config)) *Adapter {
	t.Helper()
	base, transport := providertest.Serve(t, f)
	cfg := Config{BaseURL: base, ProjectID: testProject, Secret: secret.New(testKey)}
	if change != nil {
		change(&cfg)
	}
	f.t = t
	f.project = strconv.FormatInt(cfg.ProjectID, 10)
	a, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func byPayment(id string) providers.Query {
	money, _ := payment.ParseMoney("25.99", "EUR")
	return providers.Query{Reference: payment.Reference{"payment_id": id}, Expected: money, Last: payment.Pending}
}
