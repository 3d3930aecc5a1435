package configs_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
)

const createdSchema = "schema/created.schema.json"

// readAt is when the tests read created events.
func readAt() time.Time { return time.Date(2026, 2, 3, 10, 0, 5, 0, time.UTC) }

// absent takes a field away.
type absent struct{}

// created is a valid created event with some fields set.
func created(t *testing.T, set map[string]any) []byte {
	t.Helper()
	fields := map[string]any{
		"id": "e-1", "payment_id": "p-1", "merchant_id": "m-1", "provider": "finipay-main",
		"reference": map[string]any{"order_number": "ORDER-1"}, "amount": "33.00", "currency": "USD",
		"created_at": "2026-02-03T10:00:00Z", "expires_at": "2026-02-03T10:30:00Z", "metadata": map[string]any{"n": 1.5},
	}
	maps.Copy(fields, set)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == absent{} })
	return encode(t, fields)
}

func one(field string, value any) map[string]any { return map[string]any{field: value} }

func money(amount, currency string) map[string]any {
	return map[string]any{"amount": amount, "currency": currency}
}

// agreed are inputs on which schema and code agree.
func agreed() []struct {
	name  string
	set   map[string]any
	valid bool
} {
	return []struct {
		name  string
		set   map[string]any
		valid bool
	}{
		{"every field", nil, true},
		{"no expires_at", one("expires_at", absent{}), true},
		{"expires_at null", one("expires_at", nil), true},
		{"no metadata", one("metadata", absent{}), true},
		{"metadata null", one("metadata", nil), true},
		{"metadata empty", one("metadata", map[string]any{}), true},
		{"unknown keys", one("channel", []int{1}), true},
		{"an id of 128 bytes", one("payment_id", strings.Repeat("x", 128)), true},
		{"an id with dots, stars, spaces and other scripts", one("merchant_id", "п.1 *>/₿"), true},
		{"an empty reference, which only its provider can judge", one("reference", map[string]any{}), true},
		{"reference keys of any name", one("reference", map[string]any{"": "", "a b": "1"}), true},
		{"a whole amount", one("amount", "33"), true},
		{"one decimal", one("amount", "33.5"), true},
		{"zero", one("amount", "0"), true},
		{"leading zeros", one("amount", "007.00"), true},
		{"15 digits", one("amount", "999999999999999.99"), true},
		{"a currency without decimals", money("500", "JPY"), true},
		{"three decimals of KWD", money("1.234", "KWD"), true},
		{"four decimals of CLF", money("1.2345", "CLF"), true},
		{"an offset", one("created_at", "2026-02-03T15:00:00+05:00"), true},
		{"nanoseconds", one("created_at", "2026-02-03T10:00:00.123456789Z"), true},
		{"the year 2000", one("created_at", "2000-01-01T00:00:00Z"), true},
		{"the year 2200", one("expires_at", "2200-12-31T23:59:59Z"), true},
		{"a leap day", one("expires_at", "2028-02-29T00:00:00Z"), true},

		{"no id", one("id", absent{}), false},
		{"id null", one("id", nil), false},
		{"id empty", one("id", ""), false},
		{"id a number", one("id", 7), false},
		{"no payment_id", one("payment_id", absent{}), false},
		{"an id of 129 bytes", one("payment_id", strings.Repeat("x", 129)), false},
		{"an id with a line break", one("payment_id", "a\nb"), false},
		{"an id with DEL", one("payment_id", "a\u007fb"), false},
		{"an id with a C1 control", one("payment_id", "a\u0085b"), false},
		{"an id of broken characters", one("payment_id", "a\ufffdb"), false},
		{"no merchant_id", one("merchant_id", absent{}), false},
		{"merchant_id a list", one("merchant_id", []string{"m"}), false},
		{"no provider", one("provider", absent{}), false},
		{"provider true", one("provider", true), false},
		{"no reference", one("reference", absent{}), false},
		{"reference null", one("reference", nil), false},
		{"reference a text", one("reference", "ORDER-1"), false},
		{"reference a list", one("reference", []string{"ORDER-1"}), false},
		{"a reference value that is a number", one("reference", map[string]any{"invoice_id": 1}), false},
		{"a reference value that is null", one("reference", map[string]any{"invoice_id": nil}), false},
		{"no amount", one("amount", absent{}), false},
		{"amount a number", one("amount", 33.0), false},
		{"amount empty", one("amount", ""), false},
		{"amount negative", one("amount", "-1.00"), false},
		{"amount with a plus", one("amount", "+1.00"), false},
		{"amount with an exponent", one("amount", "1e3"), false},
		{"amount with a comma", one("amount", "33,00"), false},
		{"amount with a space", one("amount", " 33.00"), false},
		{"amount with a line break", one("amount", "33.00\n"), false},
		{"amount ending in a dot", one("amount", "33."), false},
		{"amount beginning with a dot", one("amount", ".5"), false},
		{"amount in other digits", one("amount", "٣٣"), false},
		{"amount of 21 characters", one("amount", strings.Repeat("0", 21)), false},
		{"three decimals of USD", one("amount", "33.001"), false},
		{"trailing zeros beyond the decimals", one("amount", "33.000"), false},
		{"a decimal of JPY", money("500.0", "JPY"), false},
		{"four decimals of KWD", money("1.2345", "KWD"), false},
		{"five decimals of CLF", money("1.23456", "CLF"), false},
		{"no currency", one("currency", absent{}), false},
		{"currency a number", one("currency", 840), false},
		{"currency unknown", one("currency", "XQQ"), false},
		{"currency in small letters", one("currency", "usd"), false},
		{"gold", one("currency", "XAU"), false},
		{"no created_at", one("created_at", absent{}), false},
		{"created_at null", one("created_at", nil), false},
		{"created_at empty", one("created_at", ""), false},
		{"created_at in seconds", one("created_at", 1770112800), false},
		{"created_at without a zone", one("created_at", "2026-02-03T10:00:00"), false},
		{"created_at a day", one("created_at", "2026-02-03"), false},
		{"created_at with a space", one("created_at", "2026-02-03 10:00:00Z"), false},
		{"created_at with one digit of hour", one("created_at", "2026-02-03T9:00:00Z"), false},
		{"created_at with a comma", one("created_at", "2026-02-03T10:00:00,5Z"), false},
		{"created_at in small letters", one("created_at", "2026-02-03t10:00:00z"), false},
		{"created_at on 30 February", one("created_at", "2026-02-30T10:00:00Z"), false},
		{"created_at in a leap second", one("created_at", "2016-12-31T23:59:60Z"), false},
		{"created_at before 2000", one("created_at", "1999-12-31T23:59:59Z"), false},
		{"expires_at after 2200", one("expires_at", "2201-01-01T00:00:00Z"), false},
		{"expires_at a number", one("expires_at", 1), false},
		{"metadata a list", one("metadata", []int{1}), false},
		{"metadata a text", one("metadata", "x"), false},
		{"keys in capitals", map[string]any{"amount": absent{}, "AMOUNT": "33.00"}, false},
	}
}

func TestCreatedSchema_AgreesWithTheCode(t *testing.T) {
	s := schema(t, createdSchema)
	for _, test := range agreed() {
		t.Run(test.name, func(t *testing.T) {
			text := created(t, test.set)
			if err := validate(s, text); (err == nil) != test.valid {
				t.Errorf("the schema says %v, want valid %t", err, test.valid)
			}
			if _, err := payment.ParseCreated(text, readAt()); (err == nil) != test.valid {
				t.Errorf("the code says %v, want valid %t", err, test.valid)
			}
		})
	}
}

func TestCreatedSchema_AgreesWithTheCode_OnWhatIsNoObject(t *testing.T) {
	s := schema(t, createdSchema)
	for _, text := range []string{"", "null", "[]", `"x"`, "7", "{}", "{", `{"id":"e"} {}`, "\xff"} {
		if validate(s, []byte(text)) == nil {
			t.Errorf("%q is valid to the schema", text)
		}
		if _, err := payment.ParseCreated([]byte(text), readAt()); err == nil {
			t.Errorf("%q is valid to the code", text)
		}
	}
}

// Where schema and code differ, each for its reason. A row that agrees is one
// that belongs to the other table.
func TestCreatedSchema_DiffersFromTheCodeOnlyWhereItMust(t *testing.T) {
	big := map[string]any{"note": strings.Repeat("x", 8<<10)}
	tests := []struct {
		name, reason string
		set          map[string]any
		schema, code bool
	}{
		{"an id of 129 bytes in 65 letters", "a schema counts characters, not bytes", one("payment_id", strings.Repeat("ü", 65)), true, false},
		{"an amount beyond int64", "a schema can't compare decimal text", one("amount", "99999999999999999.99"), true, false},
		{"metadata over 8 KiB", "a schema does not know sizes", one("metadata", big), true, false},
		{"an event over 64 KiB", "a schema does not know sizes", one("note", strings.Repeat("x", 64<<10)), true, false},
		{"created in two days", "a schema does not know the time", one("created_at", "2026-02-05T10:00:00Z"), true, false},
		{"expired before it was created", "a schema can't compare two fields", one("expires_at", "2026-02-03T09:59:59Z"), true, false},
		{"expires_at empty", "the code is lenient, the schema asks for null or nothing", one("expires_at", ""), false, true},
	}
	s := schema(t, createdSchema)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.schema == test.code {
				t.Fatal("this row differs in nothing")
			}
			text := created(t, test.set)
			if err := validate(s, text); (err == nil) != test.schema {
				t.Errorf("the schema says %v, want valid %t (%s)", err, test.schema, test.reason)
			}
			if _, err := payment.ParseCreated(text, readAt()); (err == nil) != test.code {
				t.Errorf("the code says %v, want valid %t (%s)", err, test.code, test.reason)
			}
		})
	}
}

// All codes there could be, each with as many decimals as there could be.
func TestCreatedSchema_KnowsTheCurrenciesAndTheirDecimals(t *testing.T) {
	var known []string
	for i := range 26 * 26 * 26 {
		code := string([]byte{byte('A' + i/676), byte('A' + i/26%26), byte('A' + i%26)})
		if _, ok := payment.Exponent(code); ok {
			known = append(known, code)
		}
	}
	doc := document(t, createdSchema)
	if listed := words(t, doc, "$defs", "currency", "enum"); !slices.Equal(listed, known) {
		t.Errorf("the schema lists %v\nwant %v", listed, known)
	}
	s := schema(t, createdSchema)
	for _, code := range known {
		exponent, _ := payment.Exponent(code)
		for decimals := range 6 {
			amount := strings.TrimSuffix("1."+strings.Repeat("1", decimals), ".")
			if err := validate(s, created(t, money(amount, code))); (err == nil) != (decimals <= exponent) {
				t.Errorf("%s %s: %v, want at most %d decimals", amount, code, err, exponent)
			}
		}
	}
}

// The fields of the schema are those that the code reads: each one that is
// required is missed, each one that is not may be left out.
func TestCreatedSchema_HasTheFieldsOfTheCode(t *testing.T) {
	doc := document(t, createdSchema)
	required := words(t, doc, "required")
	properties, ok := at(t, doc, "properties").(map[string]any)
	if !ok {
		t.Fatal("no properties")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(created(t, nil), &fields); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("properties %v, want %v", got, want)
	}
	for field := range properties {
		_, err := payment.ParseCreated(created(t, one(field, absent{})), readAt())
		if (err != nil) != slices.Contains(required, field) {
			t.Errorf("without %s: %v, required %t", field, err, err == nil)
		}
		// Of a wrong type, to show that the code reads the field at all.
		if _, err := payment.ParseCreated(created(t, one(field, 7)), readAt()); err == nil {
			t.Errorf("%s is not read", field)
		}
	}
}
