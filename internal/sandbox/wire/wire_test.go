package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestObject_KeepsTheOrderAndTheText(t *testing.T) {
	o := Object{
		{"zeta", 1}, {"alpha", Object{{"text", "Казком <мерц> & /"}}}, {"list", []Object{{{"a", nil}}}},
		{"amount", json.Number("500.00")},
	}
	const want = `{"zeta":1,"alpha":{"text":"Казком <мерц> & /"},"list":[{"a":null}],"amount":500.00}`
	if got := string(JSON(o)); got != want {
		t.Errorf("wrote %s\nwant  %s", got, want)
	}
}

func TestObject_SetWithWithout(t *testing.T) {
	o := Object{{"a", 1}, {"b", 2}}
	rows := []struct {
		name string
		got  Object
		want string
	}{
		{"set in place", o.Set("a", 3), `{"a":3,"b":2}`},
		{"set at the end", o.Set("c", 3), `{"a":1,"b":2,"c":3}`},
		{"with", o.With("c", 3), `{"a":1,"b":2,"c":3}`},
		{"without", o.Without("a"), `{"b":2}`},
		{"untouched", o, `{"a":1,"b":2}`},
	}
	for _, row := range rows {
		if got := string(JSON(row.got)); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestJSON_SaysSoWhenAValueCannotBeWritten(t *testing.T) {
	if got := JSON(Object{{"f", func() {}}}); !bytes.HasPrefix(got, []byte("sandbox: ")) || json.Valid(got) {
		t.Errorf("wrote %s", got)
	}
}

func TestNumber_WritesAnAmountInTheDocumentedWays(t *testing.T) {
	rows := []struct {
		minor            int64
		exponent, manner int
		want             string
	}{
		{50000, 2, 0, "500.00"}, {50000, 2, 1, "500"}, {50000, 2, 2, "500.0"},
		{12050, 2, 0, "120.50"}, {12050, 2, 1, "120.5"}, {12050, 2, 2, "120.5"},
		{1, 2, 0, "0.01"}, {1, 2, 1, "0.01"}, {0, 2, 0, "0.00"}, {0, 2, 1, "0"}, {0, 2, 2, "0.0"},
		{150, 0, 0, "150"}, {150, 0, 1, "150"}, {150, 0, 2, "150"}, {1500, 3, 0, "1.500"}, {1500, 3, 1, "1.5"},
		{-5, 2, 0, "-0.05"},
		{1222, 2, 3, "12.220"}, {150, 0, 3, "150"},
	}
	for _, row := range rows {
		if got := Number(row.minor, row.exponent, row.manner); got.String() != row.want {
			t.Errorf("%d (exponent %d, manner %d): %s, want %s", row.minor, row.exponent, row.manner, got, row.want)
		}
	}
}

func TestParseMajor_ReadsWhatAPersonWrites(t *testing.T) {
	rows := []struct {
		text     string
		exponent int
		want     int64
		problem  string
	}{
		{"33.00", 2, 3300, ""}, {"33", 2, 3300, ""}, {"33.5", 2, 3350, ""}, {"0.01", 2, 1, ""}, {"33", 0, 33, ""},
		{"999999999999.99", 2, 99999999999999, ""},
		{"33.001", 2, 0, "decimal places"}, {"33.5", 0, 0, "decimal places"}, {"33.", 2, 0, "after the point"}, {".5", 2, 0, "decimal number"},
		{"", 2, 0, "decimal number"}, {"-1", 2, 0, "decimal number"}, {"1e3", 2, 0, "decimal number"}, {"1,000", 2, 0, "decimal number"},
		{"1.-5", 2, 0, "after the point"}, {" 1", 2, 0, "decimal number"}, {"1234567890123", 2, 0, "decimal number"},
	}
	for _, row := range rows {
		got, err := ParseMajor(row.text, row.exponent)
		if row.problem == "" && (err != nil || got != row.want) {
			t.Errorf("%q: %d, %v, want %d", row.text, got, err, row.want)
		}
		if row.problem != "" && (err == nil || !strings.Contains(err.Error(), row.problem)) {
			t.Errorf("%q: %d, %v, want a refusal about %q", row.text, got, err, row.problem)
		}
	}
}

func TestReadObject_TakesExactlyOneObject(t *testing.T) {
	good, err := ReadObject([]byte(` {"n": 1.50, "t":"x"} `))
	if err != nil || good["n"] != json.Number("1.50") {
		t.Errorf("read %v, %v", good, err)
	}
	for _, bad := range []string{"", "null", "[]", `"x"`, "1", `{"a":1}{}`, `{"a":1} x`, `{"a"`, "<html>"} {
		if got, err := ReadObject([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
	if _, ok := Text(good, "T"); ok {
		t.Error("keys must be taken in their exact case")
	}
}

func TestMarkers_AreAllDifferentAndFindable(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Markers() {
		if len(m) < 8 || seen[m] {
			t.Errorf("the marker %q is too short or comes twice", m)
		}
		seen[m] = true
	}
}

func FuzzParseMajor(f *testing.F) {
	for _, seed := range []string{"33.00", "", "1e9", "-0", "999999999999.999", "..", "0.000"} {
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, text string, exponent int) {
		if exponent < 0 || exponent > 4 {
			return
		}
		minor, err := ParseMajor(text, exponent)
		if err != nil {
			return
		}
		back := strings.TrimLeft(Major(minor, exponent), "0.")
		whole, places, _ := strings.Cut(text, ".")
		given := strings.TrimLeft(whole+"."+places+strings.Repeat("0", exponent-len(places)), "0.")
		if strings.TrimRight(back, ".") != strings.TrimRight(given, ".") {
			t.Errorf("%q became %d minor units, which is %s", text, minor, Major(minor, exponent))
		}
	})
}

func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":{"b":[1,null,true]}}`, `{"a":1}x`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := ReadObject(body)
		if err == nil && !json.Valid(body) {
			t.Errorf("%q is no JSON and was read as %v", body, object)
		}
	})
}
