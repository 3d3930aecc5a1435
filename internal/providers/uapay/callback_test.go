package uapay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// called is a recorded callback, and what it is worth.
type called struct {
	name string
	body []byte
	want struct {
		About string
		// Unsigned: the account takes unsigned callbacks too.
		Unsigned bool
		Aliases  []string
		Verified bool
		Error    *struct{ Kind, Path string }
		// Personal are values that stand in the callback and may show nowhere.
		Personal []string
	}
}

func callbacks(t testing.TB) []called {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "callback", "*.want.json"))
	if err != nil || len(files) < 25 {
		t.Fatalf("%d callbacks, %v", len(files), err)
	}
	all := make([]called, len(files))
	for i, file := range files {
		c := called{name: strings.TrimSuffix(filepath.Base(file), ".want.json")}
		c.body = testdata(t, "callback", c.name+".json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c.want); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if (c.want.Error == nil) == (c.want.Aliases == nil) {
			t.Fatalf("%s: wanted is a hint or an error", file)
		}
		all[i] = c
	}
	return all
}

// read reads the callback as an account with its setting does.
func (c called) read() (providers.Hint, error) {
	return (&Adapter{reader: reader{key: testSecret(), requireSigned: !c.want.Unsigned}}).ReadCallback(providers.Callback{Body: c.body})
}

func TestReadCallback_ReadsGoldenCallbacks(t *testing.T) {
	for _, c := range callbacks(t) {
		t.Run(c.name, func(t *testing.T) {
			hint, err := c.read()
			providertest.CheckHidden(t, c.want.Personal, hint, err)
			if c.want.Error == nil {
				if want := (providers.Hint{Aliases: c.want.Aliases, Verified: c.want.Verified}); err != nil || !reflect.DeepEqual(hint, want) {
					t.Errorf("got %+v, %v; want %+v", hint, err, want)
				}
				return
			}
			var e *providers.Error
			if !errors.As(err, &e) || e.Kind.String() != c.want.Error.Kind || !reflect.DeepEqual(hint, providers.Hint{}) {
				t.Fatalf("got %+v, %v; want %+v", hint, err, *c.want.Error)
			}
			if path := c.want.Error.Path; path != "" && !strings.Contains(err.Error(), "field "+path+" ") {
				t.Errorf("%v does not name %s", err, path)
			}
		})
	}
}

// The personal values are really there, in the body or inside of its token.
func TestCallbacks_HoldTheirPersonalValues(t *testing.T) {
	for _, c := range callbacks(t) {
		text := string(c.body)
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '"' || r == '.' }) {
			if inside, err := base64.RawURLEncoding.DecodeString(part); err == nil {
				text += string(inside)
			}
		}
		for _, value := range c.want.Personal {
			if !strings.Contains(text, value) {
				t.Errorf("%s: %q is not in it, so its absence proves nothing", c.name, value)
			}
		}
	}
}

func TestAliases_AreThoseOfACallback(t *testing.T) {
	a := &Adapter{}
	rows := []struct {
		name string
		ref  payment.Reference
		want []string
	}{
		{"invoice", payment.Reference{"invoice_id": testInvoice}, []string{"invoice:" + testInvoice}},
		{"payment", payment.Reference{"invoice_id": testInvoice, "payment_id": testPayment}, []string{"payment:" + testPayment, "invoice:" + testInvoice}},
		{"session", payment.Reference{"invoice_id": testInvoice, "session_id": ownSession}, []string{"invoice:" + testInvoice}},
		{"capitals", payment.Reference{"invoice_id": "F9F57A53-FE87-465D-8F7A-795251A6BA46"}, []string{"invoice:f9f57a53-fe87-465d-8f7a-795251a6ba46"}},
	}
	for _, row := range rows {
		if got := a.Aliases(row.ref); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
