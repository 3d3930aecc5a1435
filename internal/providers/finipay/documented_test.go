package finipay

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// golden is a file of the golden answers.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// statusPage is the provider's page "Status", whole, as text.
func statusPage(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "documented", "status.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// samples are the JSON and the code on the page.
func samples(t testing.TB) []string {
	t.Helper()
	return regexp.MustCompile(`(?ms)^\{$.*?^\}$|^<\?php$.*?^\?>$`).FindAllString(statusPage(t), -1)
}

// TestDocumented_EverySampleOfThePageIsAGoldenFile: verbatim, and each with what
// becomes of it or what is sent in its place.
func TestDocumented_EverySampleOfThePageIsAGoldenFile(t *testing.T) {
	files := map[string]string{
		"documented_status_request.json": "documented_status_request.sent.json",
		"documented_status_answer.json":  "documented_status_answer.want.json",
		"documented_status_sample.php":   "documented_status_sample.sent.json",
	}
	all := samples(t)
	if len(all) != len(files) {
		t.Errorf("%d samples on the page, %d files", len(all), len(files))
	}
	for name, outcome := range files {
		if text := strings.TrimSpace(string(golden(t, name))); !slices.Contains(all, text) {
			t.Errorf("%s is no sample of the page", name)
		}
		if len(golden(t, outcome)) == 0 {
			t.Errorf("%s is empty", outcome)
		}
	}
	// What is left of the page holds no sample that the pattern missed.
	rest := statusPage(t)
	for _, sample := range all {
		rest = strings.ReplaceAll(rest, sample, "")
	}
	rest = strings.ReplaceAll(rest, "{url}", "")
	if strings.ContainsAny(rest, "{}$") || strings.Contains(rest, "php") {
		t.Errorf("a sample is left on the page:\n%s", rest)
	}
}

// sent is the exact request in the place of a documented one.
type sent struct {
	About        string            `json:"about"`
	StatusMethod string            `json:"status_method"`
	Reference    payment.Reference `json:"reference"`
	Request      request           `json:"request"`
	// NotCopied is what of the sample is deliberately not sent.
	NotCopied []string `json:"not_copied"`
}

// request is everything of an HTTP request but its host.
type request struct {
	Method string            `json:"method"`
	URI    string            `json:"uri"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
}

// record answers with the documented answer and keeps the request.
func record(t testing.TB, into *request) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*into = request{Method: r.Method, URI: r.RequestURI, Header: map[string]string{}, Body: string(body)}
		for key, values := range r.Header {
			into.Header[key] = strings.Join(values, ", ")
		}
		into.Header["Content-Length"] = strconv.FormatInt(r.ContentLength, 10)
		_, _ = w.Write(golden(t, "documented_status_answer.json"))
	}
}

// ask polls as the case says, with the page's own login, and gives the request.
func (s sent) ask(t *testing.T) request {
	t.Helper()
	var got request
	base, transport := providertest.Serve(t, record(t, &got))
	cfg := Config{BaseURL: base, Login: "your_username", Password: secret.New("your_password"), StatusMethod: s.StatusMethod}
	adapter, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := providertest.Poll(t, adapter, providers.Query{Reference: s.Reference, Expected: providertest.Money(t, "500.00 EUR")}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDocumented_RequestsAreSentAsRecorded(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "golden", "*.sent.json"))
	if err != nil || len(names) != 2 {
		t.Fatalf("%d recorded requests, %v; want 2", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var want sent
			dec := json.NewDecoder(bytes.NewReader(golden(t, filepath.Base(name))))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&want); err != nil {
				t.Fatal(err)
			}
			got := want.ask(t)
			if !reflect.DeepEqual(got, want.Request) {
				t.Errorf("sent %+v\nwant %+v", got, want.Request)
			}
			source, _ := filepath.Glob(strings.TrimSuffix(name, ".sent.json") + ".[jp]*")
			sample := string(golden(t, filepath.Base(source[0])))
			text, _ := json.Marshal(got)
			for _, part := range want.NotCopied {
				if !strings.Contains(sample, part) {
					t.Errorf("%q is not in the sample, so its absence proves nothing", part)
				}
				if bytes.Contains(text, []byte(part)) {
					t.Errorf("%q of the sample is sent: %s", part, text)
				}
			}
		})
	}
}

// TestDocumented_TheDefaultRequestIsThatOfTheEndpointBlock: method, path and the
// very body.
func TestDocumented_TheDefaultRequestIsThatOfTheEndpointBlock(t *testing.T) {
	got := sent{Reference: payment.Reference{orderKey: "89832199"}}.ask(t)
	if block := got.Method + " https://{url}.finipay.kg" + got.URI + "\n"; !strings.Contains(statusPage(t), block) {
		t.Errorf("the page has no block %q", block)
	}
	var mine, theirs map[string]any
	if err := json.Unmarshal([]byte(got.Body), &mine); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(golden(t, "documented_status_request.json"), &theirs); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(mine, theirs) {
		t.Errorf("sent %v, documented is %v", mine, theirs)
	}
}

// TestTable_QuotesThePageVerbatim: of the rows whose words are on it. The other
// pages are quoted by their words alone.
func TestTable_QuotesThePageVerbatim(t *testing.T) {
	page := strings.Join(strings.Fields(statusPage(t)), " ")
	quoted := 0
	for _, r := range rules {
		if r.Field == fieldStatus && r.Mark == documented || r.Words == chargeAnswer {
			quoted++
			if !strings.Contains(page, r.Words) {
				t.Errorf("%s %s: the page does not say %q", r.Field, r.Raw, r.Words)
			}
		}
	}
	if quoted == 0 {
		t.Error("no row quotes the page")
	}
	if !strings.Contains(page, "every 10 seconds") {
		t.Error("the page does not say the floor")
	}
}
