package halyk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	simulator "reconciler/internal/sandbox/halyk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

// callback is a recorded one and what has to become of it.
type callback struct {
	name string
	body []byte
	want struct {
		About   string   `json:"about"`
		Aliases []string `json:"aliases"`
		// Field is the path of the field that makes it unreadable.
		Field    string   `json:"field"`
		Personal []string `json:"personal"`
	}
}

func callbacks(t testing.TB) []callback {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "callback", "*.want.json"))
	if err != nil || len(files) < 17 {
		t.Fatalf("%d callbacks, %v", len(files), err)
	}
	all := make([]callback, len(files))
	for i, file := range files {
		c := callback{name: strings.TrimSuffix(filepath.Base(file), ".want.json")}
		c.body = testdata(t, "callback", c.name+".body")
		dec := json.NewDecoder(bytes.NewReader(testdata(t, "callback", c.name+".want.json")))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c.want); err != nil || (c.want.Field == "") == (c.want.Aliases == nil) {
			t.Fatalf("%s: %v", file, err)
		}
		all[i] = c
	}
	return all
}

func TestReadCallback_ReadsEveryGoldenCallback(t *testing.T) {
	adapter := setup(t, &provider{}, nil)
	for _, c := range callbacks(t) {
		t.Run(c.name, func(t *testing.T) {
			hint, err := adapter.ReadCallback(providers.Callback{Body: c.body})
			if checkHint(t, hint, err); !slices.Equal(hint.Aliases, c.want.Aliases) {
				t.Errorf("names %q, want %q; %v", hint.Aliases, c.want.Aliases, err)
			}
			if c.want.Field != "" {
				checkUnreadable(t, c.name, c.want.Field, err)
			}
			for _, value := range c.want.Personal {
				if !bytes.Contains(c.body, []byte(value)) {
					t.Errorf("%q is not in the callback, so its absence proves nothing", value)
				}
			}
			providertest.CheckHidden(t, c.want.Personal, hint, err)
		})
	}
}

// checkHint holds what is true of a callback's reading whatever it held.
func checkHint(t *testing.T, hint providers.Hint, err error) {
	t.Helper()
	if err != nil {
		providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
		if len(hint.Aliases) > 0 || !errors.Is(err, providers.Unreadable) {
			t.Errorf("names %q beside error %v", hint.Aliases, err)
		}
		return
	}
	if len(hint.Aliases) != 1 || hint.Verified {
		t.Fatalf("hint %+v, want one name that nobody signed", hint)
	}
	if number, ok := strings.CutPrefix(hint.Aliases[0], "invoice:"); !ok || !isInvoice(number) {
		t.Errorf("named %q", hint.Aliases[0])
	}
}

func TestReadCallback_RefusesEveryWrongType_WithItsPath(t *testing.T) {
	for key, path := range map[string]string{"invoiceId": "$.invoiceId", "invoiceID": "$.invoiceID"} {
		for _, wrong := range notText {
			_, err := readCallback([]byte(`{"` + key + `":` + wrong + `}`))
			checkUnreadable(t, wrong, path, err)
			_, err = readCallback([]byte(`{"` + key + `":"000100001","` + key + `":` + wrong + `}`))
			checkUnreadable(t, "repeated with "+wrong, path, err)
		}
	}
	_, err := readCallback([]byte(`{"invoiceId":null}`))
	checkUnreadable(t, "null", "$.invoiceId", err)
}

// TestReadCallback_ReadsWhatTheSimulatorSends, at every stage of every life, and
// names the payment by a name that its reference has.
func TestReadCallback_ReadsWhatTheSimulatorSends(t *testing.T) {
	adapter := setup(t, &provider{}, nil)
	epay := simulator.New(simulator.Config{ClientID: "shop", ClientSecret: "s3cret", Terminal: testTerminal, Book: life.NewBook(), Seed: 1})
	forms := map[string]int{}
	ids := func(n int) map[string]string { return map[string]string{invoiceKey: fmt.Sprintf("%09d", n)} }
	sandboxtest.EachStage(t, life.Halyk, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		header, body := epay.Callback(p, at)
		forms[header.Get("Content-Type")]++
		hint, err := adapter.ReadCallback(providers.Callback{Header: header, Body: body})
		if checkHint(t, hint, err); !slices.Equal(hint.Aliases, adapter.Aliases(payment.Reference(p.Reference))) {
			t.Errorf("names %q, want %q; %v", hint.Aliases, adapter.Aliases(payment.Reference(p.Reference)), err)
		}
		providertest.CheckHidden(t, wire.Markers(), hint, err)
	})
	if len(forms) != 2 {
		t.Errorf("want JSON and a form, got %v", forms)
	}
}

func TestAliases_NameTheInvoice(t *testing.T) {
	var reader providers.CallbackReader = setup(t, &provider{}, nil)
	got := reader.Aliases(payment.Reference{invoiceKey: "000100001"})
	if !slices.Equal(got, []string{"invoice:000100001"}) {
		t.Errorf("names %q; they are stored, and must stay as they are", got)
	}
}
