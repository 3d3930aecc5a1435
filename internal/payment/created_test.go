package payment_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
)

// createdNow is the time at which the tests read created events.
func createdNow() time.Time { return time.Date(2026, 2, 3, 10, 0, 5, 0, time.UTC) }

// createdFields is a valid created event with every field.
func createdFields() map[string]any {
	return map[string]any{
		"id": "e-1", "payment_id": "p-1", "merchant_id": "m-1", "provider": "finipay-main",
		"reference": map[string]any{"order_number": "ORDER-1"}, "amount": "33.00", "currency": "USD",
		"created_at": "2026-02-03T10:00:00Z", "expires_at": "2026-02-03T10:30:00Z",
		"metadata": map[string]any{"order": "A", "n": 1.5},
	}
}

// createdWith encodes the valid event with some fields set; absent removes one.
func createdWith(t *testing.T, set map[string]any) []byte {
	t.Helper()
	fields := createdFields()
	maps.Copy(fields, set)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == absent{} })
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

type absent struct{}

func cash(minor int64) payment.Money { return cashIn(minor, "USD") }

func cashIn(minor int64, currency string) payment.Money {
	m, err := payment.MinorMoney(minor, currency)
	if err != nil {
		panic(err)
	}
	return m
}

func TestParseCreated_ReadsEveryField(t *testing.T) {
	got, err := payment.ParseCreated(createdWith(t, nil), createdNow())
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Created{
		ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "finipay-main",
		Reference: payment.Reference{"order_number": "ORDER-1"}, Expected: cash(3300),
		CreatedAt: time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC),
		ExpiresAt: time.Date(2026, 2, 3, 10, 30, 0, 0, time.UTC),
		Metadata:  json.RawMessage(`{"n":1.5,"order":"A"}`),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseCreated_Accepts(t *testing.T) {
	tests := []struct {
		name string
		set  map[string]any
	}{
		{"no expires_at", map[string]any{"expires_at": absent{}}},
		{"expires_at null", map[string]any{"expires_at": nil}},
		{"no metadata", map[string]any{"metadata": absent{}}},
		{"metadata null", map[string]any{"metadata": nil}},
		{"empty metadata", map[string]any{"metadata": map[string]any{}}},
		{"unknown keys", map[string]any{"channel": "web", "nested": []int{1}}},
		{"an id of 128 bytes", map[string]any{"payment_id": strings.Repeat("x", 128)}},
		{"an id with dots, spaces, stars and other scripts", map[string]any{"payment_id": "п.1 *>/\u20bf"}},
		{"an empty reference, which only its provider can judge", map[string]any{"reference": map[string]any{}}},
		{"several reference keys", map[string]any{"reference": map[string]any{"a": "1", "b": ""}}},
		{"a whole amount", map[string]any{"amount": "33"}},
		{"a currency without decimals", map[string]any{"amount": "500", "currency": "JPY"}},
		{"an offset", map[string]any{"created_at": "2026-02-03T15:00:00+05:00"}},
		{"nanoseconds", map[string]any{"created_at": "2026-02-03T10:00:00.123456789Z"}},
		{"created 24 hours ahead", map[string]any{"created_at": "2026-02-04T10:00:05Z", "expires_at": absent{}}},
		{"expires when created", map[string]any{"expires_at": "2026-02-03T10:00:00Z"}},
		{"created years ago", map[string]any{"created_at": "2000-01-01T00:00:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := payment.ParseCreated(createdWith(t, test.set), createdNow()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseCreated_NamesTheFaultyField(t *testing.T) {
	long := strings.Repeat("x", 129)
	big := map[string]any{"note": strings.Repeat("x", 8<<10)}
	tests := []struct {
		name    string
		set     map[string]any
		field   string
		problem string
	}{
		{"id missing", map[string]any{"id": absent{}}, "id", "is missing"},
		{"id null", map[string]any{"id": nil}, "id", "is missing"},
		{"id empty", map[string]any{"id": ""}, "id", "is empty"},
		{"id a number", map[string]any{"id": 7}, "id", "is not a string"},
		{"payment_id missing", map[string]any{"payment_id": absent{}}, "payment_id", "is missing"},
		{"payment_id too long", map[string]any{"payment_id": long}, "payment_id", "is longer than 128 bytes"},
		{"payment_id too long in bytes", map[string]any{"payment_id": strings.Repeat("ü", 65)}, "payment_id", "is longer than 128 bytes"},
		{"payment_id with a new line", map[string]any{"payment_id": "a\nb"}, "payment_id", "holds a control or broken character"},
		{"payment_id with a C1 control", map[string]any{"payment_id": "a\u0085b"}, "payment_id", "holds a control or broken character"},
		{"payment_id an object", map[string]any{"payment_id": map[string]any{}}, "payment_id", "is not a string"},
		{"merchant_id missing", map[string]any{"merchant_id": absent{}}, "merchant_id", "is missing"},
		{"merchant_id too long", map[string]any{"merchant_id": long}, "merchant_id", "is longer than 128 bytes"},
		{"merchant_id a list", map[string]any{"merchant_id": []string{"m-1"}}, "merchant_id", "is not a string"},
		{"provider missing", map[string]any{"provider": absent{}}, "provider", "is missing"},
		{"provider too long", map[string]any{"provider": long}, "provider", "is longer than 128 bytes"},
		{"provider true", map[string]any{"provider": true}, "provider", "is not a string"},
		{"reference missing", map[string]any{"reference": absent{}}, "reference", "is missing"},
		{"reference null", map[string]any{"reference": nil}, "reference", "is missing"},
		{"reference a string", map[string]any{"reference": "ORDER-1"}, "reference", "is not an object"},
		{"reference a list", map[string]any{"reference": []string{"ORDER-1"}}, "reference", "is not an object"},
		{"reference value a number", map[string]any{"reference": map[string]any{"invoice_id": 1}}, "reference.invoice_id", "is not a string"},
		{"reference value null", map[string]any{"reference": map[string]any{"invoice_id": nil}}, "reference.invoice_id", "is not a string"},
		{"the first of two faulty reference values", map[string]any{"reference": map[string]any{"b": 1, "a": 2, "c": 3}}, "reference.a", "is not a string"},
		{"a reference key unfit for an error", map[string]any{"reference": map[string]any{"a\nb": 1}}, "reference.(key)", "is not a string"},
		{"a long reference key", map[string]any{"reference": map[string]any{long: 1}}, "reference.(key)", "is not a string"},
		{"amount missing", map[string]any{"amount": absent{}}, "amount", "is missing"},
		{"amount a number", map[string]any{"amount": 33.0}, "amount", "is not a string"},
		{"amount negative", map[string]any{"amount": "-1.00"}, "amount", "is negative"},
		{"amount over-precise", map[string]any{"amount": "33.001"}, "amount", "has more than the 2 decimals of USD"},
		{"amount with zeros too many", map[string]any{"amount": "33.000"}, "amount", "has more than the 2 decimals of USD"},
		{"amount an exponent", map[string]any{"amount": "1e3"}, "amount", "is not a decimal number such as 33.00 (digits and one dot only)"},
		{"amount with a comma", map[string]any{"amount": "33,00"}, "amount", "is not a decimal number such as 33.00 (digits and one dot only)"},
		{"currency missing", map[string]any{"currency": absent{}}, "currency", "is missing"},
		{"currency a number", map[string]any{"currency": 840}, "currency", "is not a string"},
		{"currency unknown", map[string]any{"currency": "XQQ"}, "currency", "is not an ISO 4217 code with minor units, such as EUR"},
		{"currency in small letters", map[string]any{"currency": "usd"}, "currency", "is not an ISO 4217 code with minor units, such as EUR"},
		{"created_at missing", map[string]any{"created_at": absent{}}, "created_at", "is missing"},
		{"created_at Unix", map[string]any{"created_at": 1770112800}, "created_at", "is not a string"},
		{"created_at no zone", map[string]any{"created_at": "2026-02-03T10:00:00"}, "created_at", badTime},
		{"created_at a day only", map[string]any{"created_at": "2026-02-03"}, "created_at", badTime},
		{"created_at no such day", map[string]any{"created_at": "2026-02-30T10:00:00Z"}, "created_at", badTime},
		{"created_at one digit of an hour", map[string]any{"created_at": "2026-02-03T9:00:00Z"}, "created_at", badTime},
		{"created_at a comma", map[string]any{"created_at": "2026-02-03T09:00:00,5Z"}, "created_at", badTime},
		{"created_at before 2000", map[string]any{"created_at": "1999-12-31T23:59:59Z"}, "created_at", badTime},
		{"created_at more than a day ahead", map[string]any{"created_at": "2026-02-04T10:00:05.000000001Z"}, "created_at", "is more than 24 hours in the future"},
		{"expires_at no time", map[string]any{"expires_at": "soon"}, "expires_at", badTime},
		{"expires_at a number", map[string]any{"expires_at": 5}, "expires_at", "is not a string"},
		{"expires_at before created_at", map[string]any{"expires_at": "2026-02-03T09:59:59Z"}, "expires_at", "is before created_at"},
		{"metadata a list", map[string]any{"metadata": []int{1}}, "metadata", "is not an object"},
		{"metadata a string", map[string]any{"metadata": "x"}, "metadata", "is not an object"},
		{"metadata over 8 KiB", map[string]any{"metadata": big}, "metadata", "is over 8192 bytes"},
		{"several faults: the first counts", map[string]any{"amount": "x", "payment_id": "", "metadata": 1}, "payment_id", "is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := payment.ParseCreated(createdWith(t, test.set), createdNow())
			var fault *payment.FieldError
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want a *FieldError", err)
			}
			if fault.Field != test.field || fault.Problem != test.problem {
				t.Errorf("got %q %q, want %q %q", fault.Field, fault.Problem, test.field, test.problem)
			}
			if want := test.field + " " + test.problem; err.Error() != want {
				t.Errorf("text is %q, want %q", err, want)
			}
		})
	}
}

const badTime = "is not an RFC 3339 time such as 2026-02-03T10:00:00Z"

func TestParseCreated_RefusesWhatIsNoObject(t *testing.T) {
	valid := string(createdWith(t, nil))
	tests := []struct{ name, body string }{
		{"nothing", ""},
		{"text", "hello"},
		{"null", "null"},
		{"a list", "[]"},
		{"a string", `"x"`},
		{"an object cut off", valid[:len(valid)-1]},
		{"two objects", valid + valid},
		{"text behind the object", valid + " x"},
		{"a byte order mark", "\ufeff" + valid},
		{"nested too deep", `{"metadata":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := payment.ParseCreated([]byte(test.body), createdNow()); !errors.Is(err, payment.ErrNotJSON) {
				t.Errorf("got %v, want ErrNotJSON", err)
			}
		})
	}
}

func TestParseCreated_ReadsUpTo64KiB(t *testing.T) {
	body := createdWith(t, map[string]any{"padding": ""})
	at := func(size int) []byte {
		return []byte(strings.Replace(string(body), `"padding":""`, `"padding":"`+strings.Repeat("x", size-len(body))+`"`, 1))
	}
	if _, err := payment.ParseCreated(at(payment.MaxCreated), createdNow()); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := payment.ParseCreated(at(payment.MaxCreated+1), createdNow()); !errors.Is(err, payment.ErrTooLarge) {
		t.Errorf("a byte over the limit: %v, want ErrTooLarge", err)
	}
}

func TestParseCreated_TakesKeysExactly(t *testing.T) {
	body := createdWith(t, map[string]any{"amount": absent{}, "AMOUNT": "33.00", "Amount": "33.00"})
	_, err := payment.ParseCreated(body, createdNow())
	var fault *payment.FieldError
	if !errors.As(err, &fault) || fault.Field != "amount" || fault.Problem != "is missing" {
		t.Errorf("got %v, want amount is missing", err)
	}
}

func TestParseCreated_TakesTheLastOfARepeatedKey(t *testing.T) {
	body := string(createdWith(t, nil))
	body = strings.TrimSuffix(body, "}") + `,"amount":"44.00"}`
	got, err := payment.ParseCreated([]byte(body), createdNow())
	if err != nil || got.Expected != cash(4400) {
		t.Errorf("got %v, %v; want 44.00 USD", got.Expected, err)
	}
}

func TestParseCreated_NeverRepeatsAValueInAnError(t *testing.T) {
	const marker = "5100-0000-0000-0008"
	for _, field := range []string{"id", "payment_id", "merchant_id", "provider", "reference", "amount", "currency", "created_at", "expires_at", "metadata"} {
		for _, value := range []any{marker + "\n" + strings.Repeat("x", 200), []string{marker}, map[string]any{"k": []string{marker}}} {
			_, err := payment.ParseCreated(createdWith(t, map[string]any{field: value}), createdNow())
			if err != nil && strings.Contains(err.Error(), marker) {
				t.Errorf("%s: the error repeats the value: %v", field, err)
			}
		}
	}
}

func TestCreatedDigest_IsEqualForTheSameContent(t *testing.T) {
	base := digest(t, createdWith(t, nil))
	same := map[string][]byte{
		"another event id": createdWith(t, map[string]any{"id": "e-2"}),
		"an unknown key":   createdWith(t, map[string]any{"channel": "web"}),
		"the same instant": createdWith(t, map[string]any{"created_at": "2026-02-03T11:00:00+01:00"}),
		"a whole amount":   createdWith(t, map[string]any{"amount": "33"}),
		"other key order and white space": []byte(`{ "metadata" : { "order" : "A", "n" : 1.5 },
			"currency":"USD","amount":"33.00","reference":{"order_number":"ORDER-1"},"provider":"finipay-main",
			"expires_at":"2026-02-03T10:30:00Z","created_at":"2026-02-03T10:00:00Z","merchant_id":"m-1","payment_id":"p-1","id":"e-1"}`),
	}
	for name, body := range same {
		if digest(t, body) != base {
			t.Errorf("%s: the digest differs", name)
		}
	}
}

func TestCreatedDigest_DiffersForOtherContent(t *testing.T) {
	seen := map[string]string{digest(t, createdWith(t, nil)): "the event itself"}
	for name, set := range map[string]map[string]any{
		"payment":             {"payment_id": "p-2"},
		"merchant":            {"merchant_id": "m-2"},
		"both ids shifted":    {"payment_id": "m-1", "merchant_id": "p-1"},
		"account":             {"provider": "halyk-main"},
		"reference value":     {"reference": map[string]any{"order_number": "ORDER-2"}},
		"reference key":       {"reference": map[string]any{"invoice_id": "ORDER-1"}},
		"one more reference":  {"reference": map[string]any{"order_number": "ORDER-1", "x": ""}},
		"amount":              {"amount": "33.01"},
		"currency":            {"currency": "EUR"},
		"created_at":          {"created_at": "2026-02-03T10:00:00.000000001Z"},
		"expires_at":          {"expires_at": "2026-02-03T10:30:01Z"},
		"no expires_at":       {"expires_at": absent{}},
		"metadata value":      {"metadata": map[string]any{"order": "B", "n": 1.5}},
		"metadata gone":       {"metadata": absent{}},
		"metadata empty":      {"metadata": map[string]any{}},
		"metadata text for n": {"metadata": map[string]any{"order": "A", "n": "1.5"}},
	} {
		d := digest(t, createdWith(t, set))
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

func digest(t *testing.T, body []byte) string {
	t.Helper()
	c, err := payment.ParseCreated(body, createdNow())
	if err != nil {
		t.Fatal(err)
	}
	return c.Digest()
}

func FuzzParseCreated(f *testing.F) {
	valid, _ := json.Marshal(createdFields())
	for _, seed := range []string{
		string(valid), "", "null", "{}", `{"id":"\ud800"}`, `{"id":"e","payment_id":"p","merchant_id":"m","provider":"a","reference":{"k":"\ud800"},"amount":"1","currency":"JPY","created_at":"2026-02-03T10:00:00-23:59","metadata":{"n":1e400,"s":"<\u2028>"}}`,
		strings.Replace(string(valid), "33.00", "00000000000000000.00", 1), strings.Replace(string(valid), "A", "\xff", 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := payment.ParseCreated(body, createdNow())
		if err != nil {
			if !reflect.DeepEqual(c, payment.Created{}) {
				t.Error("an error comes with a payment")
			}
			return
		}
		for _, id := range []string{c.ID, c.PaymentID, c.MerchantID, c.Account} {
			if problem := payment.CheckID(id); problem != "" {
				t.Errorf("accepted an id that %s", problem)
			}
		}
		if !c.Expected.Known() || c.CreatedAt.IsZero() || c.Reference == nil {
			t.Error("accepted an event without money, time or reference")
		}
		if again, err := payment.ParseCreated(body, createdNow()); err != nil || again.Digest() != c.Digest() {
			t.Error("read again, it is another payment")
		}
		// What was accepted must become an event that every reader believes.
		_, event := payment.Begin(c, createdNow())
		first, err := event.Body()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := payment.ParseEvent(first)
		if err != nil {
			t.Fatalf("its first event can't be read: %v", err)
		}
		if second, err := parsed.Body(); err != nil || string(second) != string(first) {
			t.Errorf("its first event is not stable:\n%s\n%s", first, second)
		}
	})
}
