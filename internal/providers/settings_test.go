package providers

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

func TestURLProblem_WantsAnAbsoluteURLThatKeepsCredentialsSafe(t *testing.T) {
	for _, good := range []string{
		"https://api.example.com", "https://api.example.com:8443/base/", "https://10.0.0.1", "HTTPS://API.EXAMPLE.COM",
		"http://127.0.0.1:8080/x", "http://127.9.9.9", "http://[::1]:80", "http://localhost:1", "http://[::ffff:127.0.0.1]",
	} {
		if problem := URLProblem(good); problem != "" {
			t.Errorf("%s %s", good, problem)
		}
	}
	rows := []struct{ value, want string }{
		{"", "missing"}, {"shop.test", "not an absolute URL"}, {"/shop", "not an absolute URL"}, {"https://", "not an absolute URL"},
		{"https:shop", "not an absolute URL"}, {"https://shop.test:port", "not an absolute URL"}, {"https://a b", "not an absolute URL"},
		{"ftp://shop.test", "neither https"}, {"https://user:word@shop.test", "user name"},
		{"https://shop.test?a=b", "query"}, {"https://shop.test?", "query"}, {"https://shop.test#a", "fragment"},
		{"http://shop.test", "plain http"}, {"http://10.0.0.1", "plain http"}, {"http://localhost.example.com", "plain http"}, {"http://0.0.0.0", "plain http"},
	}
	for _, row := range rows {
		problem := URLProblem(row.value)
		if !strings.Contains(problem, row.want) {
			t.Errorf("%q: %q, want it to say %q", row.value, problem, row.want)
		}
		if strings.Contains(problem, "shop") {
			t.Errorf("%q repeats the value", problem)
		}
	}
}

func TestRefuseSettings_KeepsEveryFault(t *testing.T) {
	if err := refuseSettings("acme", nil); err != nil {
		t.Errorf("error %v without faults", err)
	}
	err := refuseSettings("acme", []payment.FieldError{{Field: "a", Problem: "is missing"}, {Field: "b", Problem: "is too long"}})
	if want := "configure acme: a is missing\nb is too long"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	var fault *payment.FieldError
	if !errors.As(err, &fault) || fault.Field != "a" {
		t.Errorf("first fault %v, want a", fault)
	}
}

func TestClientOf_RefusesFaultsBeforeAMissingTransport(t *testing.T) {
	faults := []payment.FieldError{{Field: "a", Problem: "is missing"}}
	if _, err := ClientOf("acme", faults, nil); err == nil || err.Error() != "configure acme: a is missing" {
		t.Errorf("error %v, want the fault", err)
	}
	if _, err := ClientOf("acme", nil, nil); err == nil || !strings.Contains(err.Error(), "no transport") {
		t.Errorf("error %v, want the missing transport", err)
	}
	client, err := ClientOf("acme", nil, &http.Transport{})
	if err != nil || client.Transport == nil || client.CheckRedirect == nil || client.Jar != nil {
		t.Errorf("client %+v, error %v", client, err)
	}
}

func TestFaults_NoteProblemsOnly(t *testing.T) {
	var faults Faults
	faults.Add("a", "")
	if faults != nil {
		t.Errorf("faults %v without a problem", faults)
	}
	faults.Add("b", "is missing")
	if len(faults) != 1 || faults[0] != (payment.FieldError{Field: "b", Problem: "is missing"}) {
		t.Errorf("faults %v", faults)
	}
}

func TestKeyProblem_FindsWhatBreaksSignatures_AndRepeatsNoKey(t *testing.T) {
	rows := []struct{ key, want string }{
		{"c2VjcmV0==", ""}, {"two words", ""}, {"", "is empty; wanted the key"}, {"secret-key\n", "white space; wanted the key as it is"}, {" secret-key", "white space"}, {"\t", "white space"},
	}
	for _, row := range rows {
		got := KeyProblem(secret.New(row.key), "the key", "the key as it is")
		if (row.want == "") != (got == "") || !strings.Contains(got, row.want) || strings.Contains(got, "secret-key") {
			t.Errorf("%q: %q, want %q", row.key, got, row.want)
		}
	}
	if got := KeyProblem(secret.Text{}, "the key", "the key as it is"); !strings.Contains(got, "is empty") {
		t.Errorf("no key: %q", got)
	}
}

func TestPrintable_IsASCIIFromSpaceToTilde(t *testing.T) {
	rows := map[string]bool{"": true, " ~": true, "a-Z_0": true, "\n": false, "\x7f": false, "\u0421": false, "\xff": false, "a\x00": false}
	for text, want := range rows {
		if Printable(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
