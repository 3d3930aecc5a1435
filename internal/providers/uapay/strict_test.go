package uapay

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// field is one field that the adapter reads.
type field struct {
	// path leads to it from the answer's top.
	path []string
	// wrong are values that it may not have; null is tried everywhere.
	wrong []string
	// absent is the kind of error that null and nothing give; 0: unreadable with
	// the field's path.
	absent providers.Kind
	// optional: null and nothing are as good as a value.
	optional bool
}

const (
	noString  = `5|1.5|true|[]|{}|["x"]`
	noUUID    = noString + `|""|"x"|"22222222222242228222222222222222"`
	noInteger = `"12345"|12345.0|1e4|1.5|true|[]|{}|""|-1|99999999999999999999`
	noCode    = `980.5|1e3|true|[]|{}`
	noObject  = `5|"x"|true|[]`
	noList    = `5|"x"|true|{}|[5]|["x"]|[null]`
)

func read(path, wrong string) field {
	return field{path: strings.Split(path, "."), wrong: strings.Split(wrong, "|")}
}

func decisive(path, wrong string, absent providers.Kind) field {
	f := read(path, wrong)
	f.absent = absent
	return f
}

func optional(path, wrong string) field {
	f := read(path, wrong)
	f.optional = true
	return f
}

// strictRows are the answers, by question, with every field that is read of them.
func strictRows() []struct {
	name   string
	query  providers.Query
	answer string
	fields []field
} {
	byInvoice := providers.Query{Reference: payment.Reference{"invoice_id": testInvoice}, Last: payment.Pending}
	one := `{"paymentId":"` + testPayment + `","invoiceId":"` + testInvoice + `","status":"FINISHED","paymentStatus":"FINISHED","amount":12345,"currency":980}`
	return []struct {
		name   string
		query  providers.Query
		answer string
		fields []field
	}{
		{"checkStatus", byPayment(), strings.Replace(finishedBody, `"pluginId"`, `"currency":980,"paymentId":"`+testPayment+`","invoiceId":"`+testInvoice+`","pluginId"`, 1), []field{
			read("status", `true|[]|{}|1.0|1e0`), read("data", noObject),
			read("data.id", noUUID), read("data.status", noString), read("data.paymentStatus", noString), read("data.amount", noInteger),
			optional("data.currency", noCode), optional("data.paymentId", noString), optional("data.invoiceId", noString),
		}},
		{"invoices/show", byInvoice, `{"status":1,"data":{"id":"` + testInvoice + `","payments":[` + one + `]}}`, []field{
			read("data.id", noUUID), read("data.payments", noList),
			read("data.payments.0.paymentId", noUUID), read("data.payments.0.status", noString), read("data.payments.0.paymentStatus", noString),
			read("data.payments.0.amount", noInteger), optional("data.payments.0.currency", noCode), optional("data.payments.0.invoiceId", noString),
		}},
		{"an error", byPayment(), `{"status":0,"error":{"code":"NOT_FOUND"}}`, []field{decisive("error", noObject, providers.UnknownStatus), read("error.code", noString)}},
	}
}

func TestObserve_NamesThePathOfEveryWrongField(t *testing.T) {
	for _, row := range strictRows() {
		for _, f := range row.fields {
			for _, signed := range []bool{false, true} {
				ask := func(body string) error {
					if signed {
						body = wrapped(t, body)
					}
					got, err := reader{key: testSecret()}.observe(methodFor(row.query.Reference), providers.Answer{Status: 200, Body: []byte(body)}, row.query)
					providertest.CheckOutcome(t, mappingVersion, got, err)
					return err
				}
				t.Run(fmt.Sprintf("%s %s signed %t", row.name, strings.Join(f.path, "."), signed), func(t *testing.T) {
					f.check(t, row.answer, pathOf(f.path, signed), ask)
					if !signed || f.path[0] == "data" && len(f.path) > 1 {
						f.checkTwice(t, row.answer, pathOf(f.path, signed), ask)
					}
				})
			}
		}
	}
}

// check tries the field with every wrong value, null and nothing.
func (f field) check(t *testing.T, answer, path string, ask func(string) error) {
	t.Helper()
	for _, wrong := range f.wrong {
		checkPath(t, wrong, path, ask(change(t, answer, f.path, wrong)))
	}
	for _, empty := range []string{"null", ""} {
		err := ask(change(t, answer, f.path, empty))
		switch {
		case f.optional:
			if !sameKind(err, ask(answer)) {
				t.Errorf("%q: %v", empty, err)
			}
		case f.absent != 0:
			if !errors.Is(err, f.absent) {
				t.Errorf("%q: %v, want %s", empty, err, f.absent)
			}
		default:
			checkPath(t, empty, path, err)
		}
	}
}

// checkTwice: of repeated keys the last one counts, as in every JSON library.
func (f field) checkTwice(t *testing.T, answer, path string, ask func(string) error) {
	t.Helper()
	checkPath(t, "twice", path, ask(repeat(t, answer, f.path, "", f.wrong[0])))
	if err := ask(repeat(t, answer, f.path, f.wrong[0], "")); !sameKind(err, ask(answer)) {
		t.Errorf("right the second time: %v", err)
	}
}

func TestSession_NamesThePathOfAWrongId(t *testing.T) {
	id := read("data.id", `5|true|[]|{}|""|"a\u0000b"|"`+strings.Repeat("x", 129)+`"`)
	ask := func(body string) error {
		_, err := reader{key: testSecret()}.session(providers.Answer{Status: 200, Body: []byte(body)})
		return err
	}
	const answer = `{"status":1,"data":{"id":"made"}}`
	id.check(t, answer, "$.data.id", ask)
	id.check(t, answer, "$.id", func(body string) error { return ask(wrapped(t, body)) })
	top := read("id", noString)
	top.check(t, `{"status":"1","id":"made"}`, "$.id", ask)
	token := read("data.token", `5|true|[]|{}`)
	for _, wrong := range token.wrong {
		checkPath(t, wrong, "$.data.token", ask(change(t, `{"status":1,"data":{"token":"x"}}`, token.path, wrong)))
	}
}

func sameKind(a, b error) bool {
	var x, y *providers.Error
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return a == nil && b == nil
	}
	return x.Kind == y.Kind
}

func checkPath(t *testing.T, name, path string, err error) {
	t.Helper()
	if !errors.Is(err, providers.Unreadable) || !strings.Contains(err.Error(), "field "+path) {
		t.Errorf("%s: %v, want unreadable with the path %s", name, err, path)
	}
}

// pathOf writes a path as errors do. Inside a token it begins anew.
func pathOf(path []string, signed bool) string {
	text := "$"
	if signed && path[0] == "data" && len(path) > 1 {
		path = path[1:]
	}
	for _, key := range path {
		if _, err := strconv.Atoi(key); err == nil {
			text += "[" + key + "]"
		} else {
			text += "." + key
		}
	}
	return text
}

// change sets the field at a path; an empty value takes it away.
func change(t *testing.T, body string, path []string, value string) string {
	t.Helper()
	return edit(t, body, path, func(o map[string]json.RawMessage, key string) string {
		if o[key] = json.RawMessage(value); value == "" {
			delete(o, key)
		}
		return object(t, o, "", "")
	})
}

// repeat writes the field twice; an empty value is the one it has.
func repeat(t *testing.T, body string, path []string, first, second string) string {
	t.Helper()
	return edit(t, body, path, func(o map[string]json.RawMessage, key string) string {
		had := string(o[key])
		delete(o, key)
		values := []string{first, second}
		for i := range values {
			if values[i] == "" {
				values[i] = had
			}
		}
		return object(t, o, fmt.Sprintf("%q:%s", key, values[0]), fmt.Sprintf("%q:%s", key, values[1]))
	})
}

// object writes an object's members between two others; an empty one is none.
func object(t *testing.T, o map[string]json.RawMessage, before, behind string) string {
	t.Helper()
	members := []string{before}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		members = append(members, fmt.Sprintf("%q:%s", key, o[key]))
	}
	members = slices.DeleteFunc(append(members, behind), func(m string) bool { return m == "" })
	return "{" + strings.Join(members, ",") + "}"
}

// edit has the object written anew that holds the last key of a path.
func edit(t *testing.T, body string, path []string, write func(o map[string]json.RawMessage, key string) string) string {
	t.Helper()
	if at, err := strconv.Atoi(path[0]); err == nil {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(list))
		for i, item := range list {
			if texts[i] = string(item); i == at {
				texts[i] = edit(t, texts[i], path[1:], write)
			}
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	if len(path) == 1 {
		return write(o, path[0])
	}
	o[path[0]] = json.RawMessage(edit(t, string(o[path[0]]), path[1:], write))
	return object(t, o, "", "")
}
