package halyk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// source is the page "Transaction Status" as it was copied.
func source(t testing.TB) string {
	t.Helper()
	return string(testdata(t, "source.txt"))
}

// samples are the JSON samples of the page, as they are written there.
func samples(t testing.TB) []string {
	t.Helper()
	var all []string
	for text := source(t); ; {
		at := strings.Index(text, "\n{")
		if at < 0 {
			return all
		}
		text = text[at+1:]
		dec := json.NewDecoder(strings.NewReader(text))
		var sample json.RawMessage
		if err := dec.Decode(&sample); err != nil {
			t.Fatalf("a sample of the page is no JSON: %v", err)
		}
		all = append(all, text[:dec.InputOffset()])
		text = text[dec.InputOffset():]
	}
}

func TestDocumented_EverySampleIsAGoldenFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "documented_*.json"))
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]string{}
	for _, file := range files {
		if !strings.HasSuffix(file, ".want.json") {
			held[string(bytes.TrimRight(testdata(t, "golden", filepath.Base(file)), "\n"))] = file
		}
	}
	all := samples(t)
	for _, sample := range all {
		if held[sample] == "" {
			t.Errorf("no golden file is this sample, byte for byte:\n%s", sample)
		}
		delete(held, sample)
	}
	for _, file := range held {
		t.Errorf("%s is no sample of the page", file)
	}
	if len(all) != 3 {
		t.Errorf("%d samples were found in the page, want 3", len(all))
	}
}

// sourceFields are the page's lines "name: "value"", and its addresses.
func sourceFields(t testing.TB) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+): "(.*)"$`).FindAllStringSubmatch(source(t), -1) {
		fields[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)^(TEST|PROD) URL: GET (\S+)/check-status/payment/transaction/:invoiceid$`).FindAllStringSubmatch(source(t), -1) {
		fields[m[1]] = m[2]
	}
	fields["bearer"] = regexp.MustCompile(`(?m)^Authorization: (Bearer \S+)$`).FindStringSubmatch(source(t))[1]
	return fields
}

// recorder answers as the page's samples and writes down what it was asked.
type recorder struct {
	t      *testing.T
	token  string
	status []byte
	asked  []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent strings.Builder
	fmt.Fprintf(&sent, "%s %s\n", req.Method, req.URL)
	for _, key := range slices.Sorted(maps.Keys(req.Header)) {
		fmt.Fprintf(&sent, "%s: %s\n", key, strings.Join(req.Header[key], ", "))
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			r.t.Error(err)
		}
		fmt.Fprintf(&sent, "Content-Length: %d\n\n%s\n", req.ContentLength, body)
	}
	r.asked = append(r.asked, sent.String())
	body := r.status
	if req.Method == http.MethodPost {
		body = fmt.Appendf(nil, `{"access_token":%q,"expires_in":7200,"refresh_token":"","token_type":"Bearer"}`, r.token)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
}

// TestDocumented_RequestsAreSentAsThePageShowsThem: the golden requests are what
// goes out, and what goes out holds each field of the page's request samples.
func TestDocumented_RequestsAreSentAsThePageShowsThem(t *testing.T) {
	fields := sourceFields(t)
	line := &recorder{t: t, token: strings.TrimPrefix(fields["bearer"], "Bearer "), status: testdata(t, "golden", "documented_refund.json")}
	adapter, err := New(Config{
		APIURL: fields["TEST"], TokenURL: "https://testoauth.homebank.kz/epay2/oauth2/token",
		ClientID: fields["client_id"], ClientSecret: secret.New(fields["client_secret"]), Terminal: fields["terminal"],
	}, line)
	if err != nil {
		t.Fatal(err)
	}
	q := providers.Query{Reference: payment.Reference{invoiceKey: "205218074"}, Expected: providertest.Money(t, "22.22 KZT"), Last: payment.Pending}
	if _, err := providertest.Poll(t, adapter, q); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"documented_token.request", "documented_status.request"} {
		if want := string(testdata(t, "golden", name)); len(line.asked) <= i || line.asked[i] != want {
			t.Errorf("%s: sent %q\nwant %q", name, line.asked, want)
		}
	}
	_, body, _ := strings.Cut(line.asked[0], "\n\n")
	form := formOf(t, strings.TrimSpace(body))
	for _, key := range []string{"grant_type", "scope", "client_id", "client_secret", "terminal"} {
		if form.Get(key) != fields[key] || fields[key] == "" {
			t.Errorf("the token request's %s is %q, in the page %q", key, form.Get(key), fields[key])
		}
	}
	if len(form) != 5 || !strings.Contains(line.asked[1], "\nAuthorization: "+fields["bearer"]+"\n") {
		t.Errorf("asked %q", line.asked)
	}
	if documentedScope != fields["scope"] {
		t.Error("the default scope is not the page's")
	}
}

// TestPoll_AsksAtTheConfiguredAddresses: the sets of addresses differ in host and
// path, and the newer pages name another test set than the older ones.
func TestPoll_AsksAtTheConfiguredAddresses(t *testing.T) {
	const path = "/check-status/payment/transaction/" + testInvoice
	rows := []struct{ name, api, token, status string }{
		{"production", "https://epay-api.homebank.kz", "https://epay-oauth.homebank.kz/oauth2/token", "https://epay-api.homebank.kz" + path},
		{"production with a slash", "https://epay-api.homebank.kz/", "https://epay-oauth.homebank.kz/oauth2/token", "https://epay-api.homebank.kz" + path},
		{"tests", "https://testepay.homebank.kz/api", "https://testoauth.homebank.kz/epay2/oauth2/token", "https://testepay.homebank.kz/api" + path},
		{"tests, newer pages", "https://test-epay-api.epayment.kz", "https://test-epay-oauth.epayment.kz/oauth2/token", "https://test-epay-api.epayment.kz" + path},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			line := &recorder{t: t, token: "t-1", status: []byte(transaction(t, nil))}
			cfg := goodConfig()
			cfg.APIURL, cfg.TokenURL = row.api, row.token
			adapter, err := New(cfg, line)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := adapter.Poll(t.Context(), query(t)); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(line.asked[0], "POST "+row.token+"\n") || !strings.HasPrefix(line.asked[1], "GET "+row.status+"\n") {
				t.Errorf("asked %q", line.asked)
			}
		})
	}
	fields := sourceFields(t)
	if fields["PROD"] != rows[0].api || fields["TEST"] != rows[2].api {
		t.Errorf("the page's addresses are %q and %q", fields["PROD"], fields["TEST"])
	}
}

// TestDocumented_ResultCodesAreInTheTable: each with the page's words.
func TestDocumented_ResultCodesAreInTheTable(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^(\d{3}) \| (.+?) \|$`).FindAllStringSubmatch(source(t), -1)
	for _, m := range lines {
		code, words := m[1], m[2]
		i := slices.IndexFunc(rules, func(r providers.Rule[facts]) bool { return r.Field == fieldResult && r.Raw == code })
		if i < 0 || rules[i].Words != words || code != found && rules[i].Mark != documented {
			t.Errorf("%s %q is not in the table in these words", code, words)
		}
	}
	if len(lines) != 7 {
		t.Errorf("%d codes were found in the page, want 7", len(lines))
	}
}

// TestDocumented_PersonalValuesAreListed: whatever the sample holds of the payer
// and the shop is in its golden file's list of what may show nowhere.
func TestDocumented_PersonalValuesAreListed(t *testing.T) {
	var sample struct{ Transaction map[string]json.RawMessage }
	if err := json.Unmarshal(testdata(t, "golden", "documented_refund.json"), &sample); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(goldens(t), func(g providertest.Golden[account]) bool { return g.Name == "documented_refund" })
	listed := goldens(t)[i].Want.Personal
	for _, key := range strings.Fields("name email phone cardMask cardID accountID ip ipCountry ipCity ipRegion ipDistrict ipLatitude ipLongitude description issuer approvalCode") {
		value := strings.Trim(string(sample.Transaction[key]), `"`)
		if value != "" && !slices.Contains(listed, value) {
			t.Errorf("%s is not listed as personal", key)
		}
	}
	var data string
	var free map[string]any
	if json.Unmarshal(sample.Transaction["data"], &data) != nil || json.Unmarshal([]byte(data), &free) != nil {
		t.Fatal("the sample's data is no text with JSON inside")
	}
	for key, value := range free {
		if !slices.Contains(listed, fmt.Sprint(value)) {
			t.Errorf("data's %s is not listed as personal", key)
		}
	}
}
