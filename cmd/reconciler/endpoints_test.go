package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify/webhook/webhooktest"
)

const storeKey = "c3RvcmUta2V5LXN0b3JlLWtleS1zdG9yZS1rZXktMzI="

// endpointsFile configures a command for a broker of the test.
func endpointsFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	server, _ := brokertest.StartServer(t, brokertest.WithListen(), brokertest.WithDataDir(dir))
	token, err := broker.LocalToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"TEST_PASSWORD": "x", "TEST_HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "TEST_STORE_KEY": storeKey,
		"TEST_NATS": token.Reveal(), "TEST_SHOP_KEY": "canary-key",
	} {
		t.Setenv(name, value)
	}
	file := strings.NewReplacer("{file: password}", "{env: TEST_PASSWORD}", "{file: hook}", "{env: TEST_HOOK}").Replace(goodFile)
	return write(t, "endpoints.yaml", fmt.Sprintf(`nats: {url: "%s", token: {env: TEST_NATS}}
webhooks: {allow_http: true, allow_networks: [127.0.0.0/8], store: {keys: [{id: k1, value: {env: TEST_STORE_KEY}}]}}
`, server.URL())+file)
}

// onEndpoint executes `endpoints <verb>` for the endpoint orders of shop-a.
func onEndpoint(t *testing.T, file, verb string, more ...string) outcome {
	t.Helper()
	return execLine(t, append([]string{"endpoints", verb, "--config", file, "--merchant", "shop-a", "--id", "orders"}, more...)...)
}

// must fails the test unless the command ended well.
func (o outcome) must(t *testing.T, words ...string) string {
	t.Helper()
	if o.code != 0 || o.err != "" {
		t.Fatalf("ended with %d, %q and %q", o.code, o.out, o.err)
	}
	for _, word := range words {
		if !strings.Contains(o.out, word) {
			t.Errorf("printed\n%s\nwant %q", o.out, word)
		}
	}
	return o.out
}

func TestEndpoints_LiveFromAddToRemove(t *testing.T) {
	file := endpointsFile(t)
	var secrets []string
	taken := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, text := range secrets { // while they rotate, who knows either verifies
			verifier, err := webhooks.NewWebhook(text)
			if err == nil {
				err = verifier.Verify(body, r.Header)
			}
			if err != nil || r.Header.Get("X-Api-Key") != "canary-key" {
				t.Errorf("%v", err)
			}
		}
		taken++
	}))
	defer server.Close()
	printed := func(out string) {
		found := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindAllString(out, -1)
		if len(found) != 1 {
			t.Fatalf("printed %d secrets:\n%s", len(found), out)
		}
		secrets = append(secrets, found[0])
	}
	look := func(words ...string) {
		t.Helper()
		for _, line := range [][]string{{"list"}, {"list", "--json"}, {"show", "--merchant", "shop-a", "--id", "orders"}, {"show", "--merchant", "shop-a", "--id", "orders", "--json"}} {
			out := execLine(t, append([]string{"endpoints", line[0], "--config", file}, line[1:]...)...).must(t, words...)
			for _, text := range append([]string{"canary-key", "whsec_", "whsk_", "hidden"}, secrets...) {
				if strings.Contains(out, text) {
					t.Errorf("%v shows a secret:\n%s", line, out)
				}
			}
		}
	}

	printed(onEndpoint(t, file, "add", "--url", server.URL+"/?token=hidden", "--events", "payment.succeeded,payment.failed", "--signing", "both",
		"--format", "thin", "--rate", "20", "--schedule", "0s,30s", "--header", "X-Api-Key=env:TEST_SHOP_KEY").must(t, "added endpoint orders of shop-a", "whpk_"))
	look("orders", "enabled", server.URL+"/?...")
	onEndpoint(t, file, "test").must(t, "delivered, HTTP 200", "connect", "answer")
	printed(onEndpoint(t, file, "rotate").must(t, "24h0m0s more"))
	onEndpoint(t, file, "test", "--json").must(t, `"class": "delivered"`, `"phases"`)
	if taken != 2 {
		t.Errorf("the receiver took %d tests", taken)
	}

	onEndpoint(t, file, "pause").must(t, "is paused")
	look("paused", time.Now().UTC().Format("2006-01-02T"), "operator")
	onEndpoint(t, file, "pause").must(t, "is already paused")
	onEndpoint(t, file, "resume").must(t, "is resumed")
	onEndpoint(t, file, "disable").must(t, "is disabled")
	look("disabled", "operator")
	if got := onEndpoint(t, file, "resume"); got.code != 1 || !strings.Contains(got.err, "enable") {
		t.Errorf("resumed what is disabled: %+v", got)
	}
	onEndpoint(t, file, "enable").must(t, "is enabled")
	execLine(t, "endpoints", "disable", "--config", file, "--merchant", "m-1", "--id", "orders").must(t) // of the configuration

	for _, unsure := range [][]string{nil, {"--confirm", "order"}} {
		if got := onEndpoint(t, file, "remove", unsure...); got.code != 2 {
			t.Errorf("removed with %v: %+v", unsure, got)
		}
	}
	onEndpoint(t, file, "remove", "--confirm", "orders").must(t, "removed")
	if got := onEndpoint(t, file, "show"); got.code != 1 || !strings.Contains(got.err, "no such endpoint") {
		t.Errorf("%+v", got)
	}
	onEndpoint(t, file, "add", "--url", "https://shop.example").must(t)
	onEndpoint(t, file, "remove", "--yes").must(t)
	execLine(t, "endpoints", "list", "--config", file, "--merchant", "shop-a").must(t, "no endpoint")
}

// The receiver asks who calls; what stands in the files is shown nowhere.
func TestEndpoints_SetTheClientCertificate(t *testing.T) {
	file := endpointsFile(t)
	made, expired := webhooktest.Make(t, "caller", time.Now().AddDate(0, 1, 0), "127.0.0.1"), webhooktest.Make(t, "caller", time.Now().Add(-time.Hour))
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"a.pem": made.Chain, "a.key": made.Key, "old.pem": expired.Chain, "old.key": expired.Key, "empty": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{made.Pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: webhooktest.Pool(t, made)}
	server.StartTLS()
	defer server.Close()

	onEndpoint(t, file, "add", "--url", server.URL, "--ca-file", at("a.pem")).must(t)
	if got := onEndpoint(t, file, "test"); got.code != 1 || !strings.Contains(got.out, "client certificate") {
		t.Errorf("without a certificate: %+v", got)
	}
	for _, bad := range []struct {
		args []string
		want string
	}{
		{[]string{"--certificate-file", at("old.pem"), "--key-file", at("old.key")}, "certificate_file"},
		{[]string{"--certificate-file", at("a.pem"), "--key-file", at("old.key")}, "key_file"},
		{[]string{"--certificate-file", at("a.pem")}, "key_file"},
		{[]string{"--certificate-file", at("gone"), "--key-file", at("empty")}, "--key-file"},
		{[]string{"--certificate-file", made.Chain, "--key-file", made.Key}, "--key-file"},
		{[]string{"--ca-file", dir}, "--ca-file"},
		{[]string{"--ca-file", at("a.key")}, "ca_file"},
		{[]string{"--no-ca", "--ca-file", at("a.pem")}, "both"},
		{nil, "--certificate-file"},
	} {
		got := onEndpoint(t, file, "set", bad.args...)
		if got.code != 2 || !strings.Contains(got.err, bad.want) || strings.Contains(got.err, "BEGIN") {
			t.Errorf("%d and %q, want 2 and a word about %s", got.code, got.err, bad.want)
		}
	}
	onEndpoint(t, file, "set", "--certificate-file", at("a.pem"), "--key-file", at("a.key")).must(t, "changed endpoint orders")
	onEndpoint(t, file, "test").must(t, "delivered, HTTP 200")
	for _, args := range [][]string{{"show"}, {"show", "--json"}, {"list", "--json"}} {
		out := execLine(t, append([]string{"endpoints", args[0], "--config", file, "--merchant", "shop-a"}, withID(args)...)...).must(t, "CN=caller", time.Now().AddDate(0, 1, 0).UTC().Format("2006-01"))
		for _, line := range strings.Fields(made.Chain + made.Key) {
			if len(line) > 20 && strings.Contains(out, line) {
				t.Errorf("PEM is shown:\n%s", out)
			}
		}
	}
	onEndpoint(t, file, "set", "--no-certificate", "--no-ca").must(t)
	if out := onEndpoint(t, file, "show").must(t); strings.Contains(out, "caller") || strings.Contains(out, "authorities") {
		t.Errorf("taken away, and shown:\n%s", out)
	}
}

// withID names the endpoint where one is shown; a list takes none.
func withID(args []string) []string {
	if args[0] == "show" {
		return append(args[1:], "--id", "orders")
	}
	return args[1:]
}

func TestEndpoints_RefuseBadInputNamingEveryFault(t *testing.T) {
	file := endpointsFile(t)
	got := onEndpoint(t, file, "add", "--url", "ftp://x", "--events", "payment.paid", "--signing", "v7", "--format", "xml", "--rate", "-1", "--concurrency", "-1", "--schedule", "-1s")
	for _, field := range []string{"url", "events[0]", "signing", "format", "rate", "concurrency", "schedule[0]"} {
		if !strings.Contains(got.err, field) {
			t.Errorf("no word about %s in %q", field, got.err)
		}
	}
	if got.code != 2 || got.out != "" {
		t.Errorf("ended with %d and %q", got.code, got.out)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody named":         {[]string{"show", "--merchant", "shop-a"}, "--id"},
		"header in the clear":  {[]string{"add", "--header", "X-Api-Key=canary"}, "env:VARIABLE"},
		"header of no env":     {[]string{"add", "--header", "X-Api-Key=env:TEST_NOT_SET"}, "X-Api-Key"},
		"header of no file":    {[]string{"add", "--header", "X-Api-Key=file:gone"}, "X-Api-Key"},
		"overlap of a month":   {[]string{"rotate", "--merchant", "shop-a", "--id", "orders", "--overlap", "721h"}, "overlap"},
		"overlap that is none": {[]string{"rotate", "--overlap", "soon"}, "overlap"},
		"argument":             {[]string{"list", "canary"}, "canary"},
	} {
		t.Run(name, func(t *testing.T) {
			got := execLine(t, append([]string{"endpoints", c.args[0], "--config", file}, c.args[1:]...)...)
			if got.code != 2 || !strings.Contains(got.err, c.want) {
				t.Errorf("ended with %d and %q, want 2 and a word about %q", got.code, got.err, c.want)
			}
		})
	}
}

func TestEndpoints_SayWhatIsMissing_WithoutAKey(t *testing.T) {
	file := endpointsFile(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	without := regexp.MustCompile(`, store: .*}`).ReplaceAll(text, []byte("}"))
	if err := os.WriteFile(file, without, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := onEndpoint(t, file, "add", "--url", "https://shop.example"); got.code != 1 || !strings.Contains(got.err, "webhooks.store.keys") {
		t.Errorf("%+v", got)
	}
	execLine(t, "endpoints", "list", "--config", file).must(t, "m-1", "configuration")
}

func TestParseHeader_ReadsTheValueFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for text, want := range map[string]string{"canary\r\n": "canary", strings.Repeat("x", maxHeaderFile+1): ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := parseHeader("X-Api-Key=file:"+path, nil)
		if h.Value.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("%d bytes were read, %v", len(h.Value.Reveal()), err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{"X-Api-Key=env:KEY", "X=file:", "=env:K", "a=b=c:d", "X-Api-Key=canary"} {
		f.Add(seed)
	}
	none := func(string) (string, bool) { return "value", true }
	f.Fuzz(func(t *testing.T, given string) {
		if strings.Contains(given, "=file:") {
			return // it opens files
		}
		h, err := parseHeader(given, none)
		if err == nil && (h.Value.Reveal() != "value" || !strings.HasPrefix(given, h.Name+"=env:")) {
			t.Errorf("%q gives %q", given, h.Name)
		}
	})
}
