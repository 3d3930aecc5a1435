package halyk

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

func TestTraps_AreToldWithoutAPayment(t *testing.T) {
	s := newSimulator(false)
	token := fetch(t, s, form(), sandboxtest.Born)
	seen := map[string]bool{}
	for _, trap := range Traps() {
		if len(trap.Invoice) != 6 || strings.Trim(trap.Invoice, "0123456789") != "" || trap.Says == "" || seen[trap.Invoice] || seen[trap.Says] {
			t.Errorf("trap %+v", trap)
		}
		seen[trap.Invoice], seen[trap.Says] = true, true
		a := s.Answer(statusRequest(token, trap.Invoice, sandboxtest.Born))
		again := s.Answer(statusRequest(token, trap.Invoice, sandboxtest.Born.Add(time.Minute)))
		if inTurn := strings.Contains(trap.Says, "then"); bytes.Equal(a.Body, again.Body) == inTurn || a.Status != http.StatusOK {
			t.Errorf("%s: %d %s, then %s", trap.Says, a.Status, a.Body, again.Body)
		}
		// The ledger must not say that a payment's truth was told.
		if a.Endpoint != "status" || a.Told != "" || a.Payment != nil || a.Refused != "" || a.Credential || a.Raw != trap.Says {
			t.Errorf("%s: told %+v", trap.Says, a)
		}
	}
	if a := s.Answer(statusRequest(token, "900999", sandboxtest.Born)); a.Told != life.NotKnown {
		t.Errorf("a number that is no trap was answered %s", a.Body)
	}
}

func TestTraps_NeedATokenAsWell(t *testing.T) {
	if a := newSimulator(false).Answer(statusRequest("guess", "900301", sandboxtest.Born)); a.Status != http.StatusUnauthorized {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
}

func TestTraps_HoldWhatTheySay(t *testing.T) {
	s := newSimulator(false)
	token := fetch(t, s, form(), sandboxtest.Born)
	for invoice, want := range map[string]string{
		"900101": `{"resultCode":"101","resultMessage":"reject","transaction":null}`,
		"900102": `"resultCode":102,`, "900105": `"resultCode":"105"`, "900107": `"resultCode":107,`,
		"900201": "<!DOCTYPE html>", "900303": `"statusName":"3D"`, "900308": `"status":"CHARGE"`,
		"900401": `"amount":1000,"amountBonus":0,"payoutAmount":0,"orgAmount":1500.5,`,
		"900403": `"amount":0,"amountBonus":0,"payoutAmount":0,"orgAmount":0,"currency":"",`,
		"900404": `"orgAmount":15005e-1`, "900501": `"reasonCode":"454"`, "900502": `"reasonCode":459`, "900602": `"invoiceID":"0900602"`,
	} {
		if a := s.Answer(statusRequest(token, invoice, sandboxtest.Born)); !bytes.Contains(a.Body, []byte(want)) {
			t.Errorf("%s was answered %s, want %s in it", invoice, a.Body, want)
		}
	}
	if a := s.Answer(statusRequest(token, "900200", sandboxtest.Born)); len(a.Body) != 0 {
		t.Errorf("900200 was answered %q", a.Body)
	}
}

// The two environments have paths and tokens of their own.
func TestEnvironments_KnowOnlyTheirOwnTokens(t *testing.T) {
	s := newSimulator(false)
	if err := s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Halyk, Life: "charged_at_once", Seed: 3, IDs: ids(1)})); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for name, path := range map[string]string{"production": TokenPath, "tests": TestTokenPath} {
		r := tokenRequest(form(), sandboxtest.Born)
		r.Path = path
		a := s.Answer(r)
		var got struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, a.Status, a.Body)
		}
		tokens[name] = got.AccessToken
	}
	for api, prefix := range map[string]string{"production": "", "tests": TestAPIPath} {
		for of, token := range tokens {
			r := statusRequest(token, "000000001", sandboxtest.Born)
			r.Path = prefix + r.Path
			if a := s.Answer(r); (a.Told == life.Charged) != (api == of) || (a.Status == http.StatusUnauthorized) != (api != of) {
				t.Errorf("the api of %s with the token of %s: %d %s", api, of, a.Status, a.Body)
			}
		}
	}
	for _, path := range []string{"/api/check-status/p2p/transaction/1", "/epay2/oauth2"} {
		r := statusRequest(tokens["tests"], "", sandboxtest.Born)
		r.Path = path
		if a := s.Answer(r); a.Status != http.StatusOK || a.Type != "text/html" || !bytes.HasPrefix(a.Body, []byte("<!DOCTYPE html>")) || a.Refused == "" {
			t.Errorf("%s was answered %d %s", path, a.Status, a.Body)
		}
	}
}

// An invoice that was found may be missed, and found again.
func TestTraps_TellSomeThingsInTurn(t *testing.T) {
	s := newSimulator(false)
	token := fetch(t, s, form(), sandboxtest.Born)
	for invoice, turns := range map[string][]string{
		"900310": {`"statusName":"NEW"`, `"statusName":"CHARGE"`, `"resultCode":"102"`},
		"900311": {`"reasonCode":"454"`, `"statusName":"CHARGE"`},
	} {
		for n := range 2 * len(turns) {
			if a := s.Answer(statusRequest(token, invoice, sandboxtest.Born)); !bytes.Contains(a.Body, []byte(turns[n%len(turns)])) {
				t.Errorf("%s, look %d: %s", invoice, n, a.Body)
			}
		}
	}
}

func TestCallback_NamesThePaymentAndItsPayer(t *testing.T) {
	s := newSimulator(false)
	kinds, codes, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}
	sandboxtest.EachStage(t, life.Halyk, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		header, body := s.Callback(p, at)
		kinds[header.Get("Content-Type")] = true
		fields := callbackFields(t, header, body)
		invoice := fields["invoiceId"] + fields["invoiceID"]
		keys[map[bool]string{true: "invoiceId", false: "invoiceID"}[fields["invoiceId"] != ""]] = true
		codes[fields["code"]] = true
		if invoice != p.IDs["invoice_id"] || fields["terminal"] != terminal || len(fields["secret_hash"]) != 16 {
			t.Errorf("%s", body)
		}
		if state := p.At(at); (state.CapturedMinor > 0) && fields["code"] != "ok" || state.Word == life.Declined && fields["code"] != "error" {
			t.Errorf("%s: code %q", state.Word, fields["code"])
		}
		for _, want := range []string{wire.Name, wire.Email, wire.Phone, wire.CardMask, wire.CardID, wire.IP, wire.Account, wire.Description} {
			if !strings.Contains(string(body), want) && !strings.Contains(string(body), url.QueryEscape(want)) {
				t.Errorf("no %q in %s", want, body)
			}
		}
	})
	if len(kinds) != 2 || len(codes) != 2 || len(keys) != 2 {
		t.Errorf("seen %v, %v, %v", kinds, codes, keys)
	}
}

// callbackFields reads a callback of either form, without the numbers.
func callbackFields(t *testing.T, header http.Header, body []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	if header.Get("Content-Type") == "application/json" {
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatal(err)
		}
		for key, value := range object {
			fields[key], _ = value.(string)
		}
		return fields
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Fatal(err)
	}
	for key := range form {
		fields[key] = form.Get(key)
	}
	return fields
}
