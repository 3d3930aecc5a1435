package uapay

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func testdata(t testing.TB, elements ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// samples are the JSON texts of UAPAY's page, from a brace at a line's beginning
// to the next one.
var samples = regexp.MustCompile(`(?ms)^\{\n.*?^\}\n`)

// Every sample of the page is a golden file, byte for byte, and has a result.
func TestSource_EverySampleIsAGoldenFile(t *testing.T) {
	page := testdata(t, "source", "checkStatus.txt")
	found := samples.FindAll(page, -1)
	if len(found) != 3 || bytes.Count(page, []byte("Code Block\ncollapse"))+bytes.Count(page, []byte("Code Block\nlinenumbers"))+bytes.Count(page, []byte("Code Block\nlanguagejs")) != len(found) {
		t.Fatalf("%d samples", len(found))
	}
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "documented_*.json"))
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden[string(text)] = file[:len(file)-len(".json")]
	}
	for _, sample := range found {
		name, ok := golden[string(sample)]
		if !ok {
			t.Errorf("no golden file is this sample:\n%s", sample)
			continue
		}
		_, noAnswer := os.Stat(name + ".want.json")
		_, noRequest := os.Stat(name + ".sent")
		if noAnswer != nil && noRequest != nil {
			t.Errorf("nothing says what becomes of %s", name)
		}
	}
}

// The sample of a request, as we send it: signed, at 2000-01-01 00:00:00 UTC.
func TestPoll_SendsTheDocumentedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sample struct {
			Params struct{ SessionID, PaymentID, InvoiceID string }
		}
		if err := json.Unmarshal(testdata(t, "golden", "documented_request.json"), &sample); err != nil {
			t.Fatal(err)
		}
		var sent []byte
		record := providertest.RoundTrip(func(r *http.Request) (*http.Response, error) {
			var err error
			if sent, err = httputil.DumpRequest(r, true); err != nil {
				t.Error(err)
			}
			return nil, os.ErrDeadlineExceeded
		})
		p := sample.Params
		_, err := newAdapter(t, "https://api.uapay.ua/api", true, record).Poll(t.Context(), providers.Query{Reference: payment.Reference{
			"session_id": p.SessionID, "payment_id": p.PaymentID, "invoice_id": p.InvoiceID,
		}})
		if err == nil {
			t.Fatal("no error, and nobody answered")
		}
		if want := testdata(t, "golden", "documented_request.sent"); !bytes.Equal(sent, want) {
			t.Errorf("sent\n%s\nwant\n%s", sent, want)
		}
		_, body, _ := bytes.Cut(sent, []byte("\r\n\r\n"))
		checkSample(t, body)
	})
}

// checkSample checks a sent body by hand: it holds the sample's params and nothing
// but iat beside them, and the token is that of these very bytes.
func checkSample(t *testing.T, body []byte) {
	t.Helper()
	var sample, sent map[string]json.RawMessage
	var flat bytes.Buffer
	var token string
	if json.Unmarshal(testdata(t, "golden", "documented_request.json"), &sample) != nil || json.Unmarshal(body, &sent) != nil ||
		json.Compact(&flat, sample["params"]) != nil || json.Unmarshal(sent["token"], &token) != nil {
		t.Fatalf("sent %s", body)
	}
	payload := `{"params":` + flat.String() + `,"iat":` + string(sent["iat"]) + `}`
	if want := payload[:len(payload)-1] + `,"token":"` + jwt(tokenHeader, payload, testKey) + `"}`; string(body) != want {
		t.Errorf("sent %s\nwant %s", body, want)
	}
	if iat := time.Unix(946684800, 0).UTC().Format(time.DateOnly); iat != "2000-01-01" || string(sent["iat"]) != "946684800" {
		t.Errorf("iat %s", sent["iat"])
	}
}
