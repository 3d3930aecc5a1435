package providers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func object(t testing.TB, text string) Object {
	t.Helper()
	o, err := ReadObject([]byte(text))
	if err != nil {
		t.Fatalf("ReadObject(%s): %v", text, err)
	}
	return o
}

func TestReadObject_TakesExactlyOneObject(t *testing.T) {
	for _, good := range []string{`{}`, " \n{\"a\":1}\t ", `{"a":{"a":1},"a":2}`} {
		if _, err := ReadObject([]byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{``, ` `, `null`, `[]`, `"a"`, `1`, `{`, `{"a":}`, `{} {}`, `{}x`, `{}}`, `<html>`, "\xef\xbb\xbf{}"} {
		_, err := ReadObject([]byte(bad))
		var problem *FieldProblem
		if !errors.As(err, &problem) || problem.Path != "$" {
			t.Errorf("%q: error %v, want a problem of $", bad, err)
		}
	}
}

// TestObject_ReadsStrictly holds what each reader gives for each shape: its
// value, or the problem.
func TestObject_ReadsStrictly(t *testing.T) {
	readers := map[string]func(Object) (any, error){
		"String":         func(o Object) (any, error) { return o.String("v") },
		"OptionalString": func(o Object) (any, error) { return o.OptionalString("v") },
		"Code":           func(o Object) (any, error) { return o.Code("v") },
		"OptionalCode":   func(o Object) (any, error) { return o.OptionalCode("v") },
		"Integer":        func(o Object) (any, error) { return o.Integer("v") },
		"Decimal":        func(o Object) (any, error) { return o.Decimal("v") },
		"Object":         func(o Object) (any, error) { inner, err := o.Object("v"); return len(inner.fields), err },
		"Objects":        func(o Object) (any, error) { inner, err := o.Objects("v"); return len(inner), err },
		"Raw":            func(o Object) (any, error) { raw, err := o.Raw("v"); return string(raw), err },
	}
	const missing, notString, notCode, notInteger, notNumber = "is missing", "is not a string", "is neither a string nor an integer", "is not an integer", "is not a number in plain notation"
	rows := []struct{ reader, value, want string }{
		{"String", `"a\u00e9"`, "a\u00e9"}, {"String", `""`, ""}, {"String", `1`, notString}, {"String", `{}`, notString}, {"String", `null`, missing}, {"String", ``, missing},
		{"OptionalString", `null`, ""}, {"OptionalString", ``, ""}, {"OptionalString", `true`, notString}, {"OptionalString", `"x"`, "x"},
		{"Code", `"100"`, "100"}, {"Code", `100`, "100"}, {"Code", `-0`, "0"}, {"Code", `1.0`, notCode}, {"Code", `1e2`, notCode}, {"Code", `true`, notCode}, {"Code", `99999999999999999999`, notCode}, {"Code", `null`, missing},
		{"OptionalCode", ``, ""}, {"OptionalCode", `7`, "7"}, {"OptionalCode", `[]`, notCode},
		{"Integer", `12`, "12"}, {"Integer", `-12`, "-12"}, {"Integer", `12.0`, notInteger}, {"Integer", `1e2`, notInteger}, {"Integer", `"12"`, notInteger}, {"Integer", `9223372036854775808`, notInteger}, {"Integer", `null`, missing},
		{"Decimal", `500.00`, "500"}, {"Decimal", `-0.5`, "-0.5"}, {"Decimal", `0`, "0"}, {"Decimal", `5e2`, notNumber}, {"Decimal", `5E2`, notNumber}, {"Decimal", `"5"`, notNumber}, {"Decimal", `true`, notNumber}, {"Decimal", `[5]`, notNumber}, {"Decimal", `{}`, notNumber}, {"Decimal", strings.Repeat("9", 33), notNumber}, {"Decimal", `null`, missing},
		{"Object", `{"a":1,"b":2}`, "2"}, {"Object", `[]`, "is not an object"}, {"Object", `"{}"`, "is not an object"}, {"Object", `null`, missing}, {"Object", ``, missing},
		{"Objects", `[{},{}]`, "2"}, {"Objects", `[]`, "0"}, {"Objects", `null`, "0"}, {"Objects", ``, "0"}, {"Objects", `{}`, "is not a list of objects"}, {"Objects", `[1]`, "is not a list of objects"}, {"Objects", `[{},null]`, "is null"},
		{"Raw", `{ "a" : 1 }`, `{ "a" : 1 }`}, {"Raw", `null`, missing},
	}
	for _, row := range rows {
		text := `{"v":` + row.value + `}`
		if row.value == "" {
			text = `{}`
		}
		got, err := readers[row.reader](object(t, text))
		var problem *FieldProblem
		switch {
		case err == nil && fmt.Sprint(got) != row.want:
			t.Errorf("%s of %s: %v, want %s", row.reader, row.value, got, row.want)
		case err != nil && (!errors.As(err, &problem) || problem.Problem != row.want || !strings.HasPrefix(problem.Path, "$.v")):
			t.Errorf("%s of %s: error %v, want %s", row.reader, row.value, err, row.want)
		}
	}
}

func TestObject_KeepsKeysExact(t *testing.T) {
	if object(t, `{"AMOUNT":1}`).Has("amount") {
		t.Error("AMOUNT was taken for amount")
	}
}

func TestFieldProblem_NamesThePath_AndNotTheValue(t *testing.T) {
	o := object(t, `{"list":[{},{"payer":{"name":12345}}]}`)
	list, err := o.Objects("list")
	if err != nil {
		t.Fatal(err)
	}
	payer, err := list[1].Object("payer")
	if err != nil {
		t.Fatal(err)
	}
	_, err = payer.String("name")
	failure := Unreadably("ask", err)
	if want := "ask: unreadable: field $.list[1].payer.name is not a string"; failure.Error() != want {
		t.Errorf("error %q, want %q", failure, want)
	}
	if !errors.Is(failure, Unreadable) || !errors.Is(failure, err) {
		t.Errorf("error %#v has lost its kind or its cause", failure)
	}
}

func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{
		`{"v":{"s":"a","n":1.50}}`, `{"v":[{"s":"a"},null]}`, `{"v":1e400}`, `{"v":"\ud800"}`, `{"v":-0}`, `{"v":null}`, `{} x`, `[`, `{"v":{"v":{"v":[]}}}`,
	} {
		f.Add([]byte(seed), "v")
	}
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		o, err := ReadObject(body)
		if err != nil {
			checkProblem(t, err, "$")
			return
		}
		readAll(t, o, key, 0)
	})
}

// readAll reads a field in every way, and what is inside it too.
func readAll(t *testing.T, o Object, key string, depth int) {
	t.Helper()
	path := o.at(key)
	_, errString := o.String(key)
	_, errCode := o.Code(key)
	n, errInteger := o.Integer(key)
	d, errDecimal := o.Decimal(key)
	m, errMoney := o.Money(key, "KZT")
	inner, errObject := o.Object(key)
	list, errObjects := o.Objects(key)
	for _, err := range []error{errString, errCode, errInteger, errDecimal, errMoney, errObject, errObjects} {
		if err != nil {
			checkProblem(t, err, path)
		}
	}
	if errInteger == nil && errDecimal == nil && d.IntPart() != n {
		t.Errorf("%d as an integer is %s as a decimal", n, d)
	}
	if errMoney == nil && (m.Minor() < 0 || errDecimal != nil) {
		t.Errorf("money %s of the decimal %s", m, d)
	}
	if depth > 8 {
		return
	}
	if errObject == nil {
		readAll(t, inner, key, depth+1)
	}
	for _, item := range list {
		readAll(t, item, key, depth+1)
	}
}

func checkProblem(t *testing.T, err error, path string) {
	t.Helper()
	var problem *FieldProblem
	if !errors.As(err, &problem) || !strings.HasPrefix(problem.Path, path) || problem.Problem == "" {
		t.Errorf("error %#v is no problem of %s", err, path)
	}
}
