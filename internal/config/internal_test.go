package config

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"reconciler/internal/providers/catalog"
	"reconciler/internal/secret"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true}, {"1h30m", 90 * time.Minute, true}, {"0", 0, true}, {"14d", 14 * day, true},
		{"1d12h", 36 * time.Hour, true}, {"0d", 0, true}, {"106751d", 106751 * day, true}, {"106752d", 0, false},
		{"106751d24h", 0, false}, {"99999999999999999999d", 0, false}, {"1.5d", 0, false}, {"-1d", 0, false}, {"1d-1h", 0, false}, {"d", 0, false},
		{"1d2", 0, false}, {"", 0, false}, {"5", 0, false}, {"1w", 0, false}, {"10000000h", 0, false}, {"1h1d", 0, false},
	}
	for _, test := range tests {
		if got, err := parseDuration(test.text); got != test.want && err == nil || (err == nil) != test.ok {
			t.Errorf("parseDuration(%q) = %s, %v, want %s, ok %t", test.text, got, err, test.want, test.ok)
		}
	}
}

func TestLength_WritesDurationsAsTheFileDoes(t *testing.T) {
	tests := map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m",
		14 * day: "14d", 36 * time.Hour: "1d12h", 500 * time.Millisecond: "500ms", day + time.Second: "1d1s",
		20 * time.Hour: "20h", 75*time.Hour + 35*time.Minute + 5*time.Second: "3d3h35m5s",
	}
	for d, want := range tests {
		if got := length(d); got != want {
			t.Errorf("length(%d) = %q, want %q", d, got, want)
		}
	}
}

// What length writes, parseDuration reads; no text makes either of them fail
// in another way than by its error.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"30s", "14d", "1d12h", "1.5h", "-5s", "d", "65535d", "1µs", "9223372036854775807ns", "106751d23h47m16.854775807s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err != nil || d < 0 {
			return
		}
		if again, err := parseDuration(length(d)); err != nil || again != d {
			t.Errorf("%q is %d, written %q, read %d, %v", text, d, length(d), again, err)
		}
	})
}

func TestPhrase_SaysWhatWasFoundAndWhatIsWanted(t *testing.T) {
	tests := []struct{ problem, found, wanted string }{
		{"is missing; wanted the login", "nothing", "the login"},
		{"is empty", "nothing", "a value"},
		{"is missing or not positive; wanted the number", "a value that is missing or not positive", "the number"},
		{"begins or ends with white space; wanted the key", "a value that begins or ends with white space", "the key"},
		{"is not an absolute URL such as https://a.example", "something else", "an absolute URL such as https://a.example"},
		{"is no clientId; wanted 1 to 128 characters", "something else", "1 to 128 characters"},
		{"is neither GET nor POST", "something else", "GET or POST"},
		{"begins with neither https:// nor http://", "a value that begins with neither https:// nor http://", "a value that begins with https:// or http://"},
		{"holds a password; credentials go elsewhere", "a value that holds a password", "a value that does not: credentials go elsewhere"},
		{"holds a control or broken character", "a value that holds a control or broken character", "a value that does not"},
		{"is longer than 128 bytes", "a value that is longer than 128 bytes", "a value that is not"},
		{"must be https", "something else", "https"},
		{"must begin with whsec_", "something else", "a value that begins with whsec_"},
		{"must hold 24 to 64 bytes", "something else", "a value with 24 to 64 bytes"},
		{"must have a port between 1 and 65535", "something else", "a value with a port between 1 and 65535"},
		{"must not hold a password; it is seen", "a value that holds a password", "a value that does not: it is seen"},
		{"must not have a fragment", "a value that has a fragment", "a value that does not"},
		{"must not be negative; 0 means 16", "a value that is negative", "a value that is not: 0 means 16"},
	}
	for _, test := range tests {
		if found, wanted := phrase(test.problem, true); found != test.found || wanted != test.wanted {
			t.Errorf("%q: found %q, wanted %q; want %q, %q", test.problem, found, wanted, test.found, test.wanted)
		}
		if found, wanted := phrase(test.problem, false); found != "nothing" || wanted != test.wanted {
			t.Errorf("%q of a field left out: found %q, wanted %q", test.problem, found, wanted)
		}
	}
}

// A setting of a new type would be refused in every file.
func TestDecoder_KnowsTheTypeOfEverySetting(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[File]()}
	for _, e := range catalog.All() {
		types = append(types, reflect.TypeOf(e.Settings()).Elem())
	}
	own := []reflect.Type{reflect.TypeFor[node](), reflect.TypeFor[secret.Text](), reflect.TypeFor[time.Duration](), reflect.TypeFor[netip.Prefix]()}
	scalars := []reflect.Kind{reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64}
	for len(types) > 0 {
		at := types[0]
		types = types[1:]
		switch {
		case slices.Contains(own, at) || slices.Contains(scalars, at.Kind()):
		case at.Kind() == reflect.Slice || at.Kind() == reflect.Pointer:
			types = append(types, at.Elem())
		case at.Kind() == reflect.Struct && len(keys(at)) == at.NumField():
			for i := range at.NumField() {
				types = append(types, at.Field(i).Type)
			}
		default:
			t.Errorf("%s can't be read, or has fields without a name in YAML", at)
		}
	}
}

func TestShown_RepeatsOnlyWhatLooksLikeAName(t *testing.T) {
	for name, want := range map[string]string{
		"base_url": "base_url", "Base-URL2": "Base-URL2", "": "(key)", "a b": "(key)", "p:w": "(key)", "ключ": "(key)",
		"a123456789a123456789a123456789a123456789":  "a123456789a123456789a123456789a123456789",
		"a123456789a123456789a123456789a1234567890": "(key)",
	} {
		if got := shown(name); got != want {
			t.Errorf("shown(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestVariable_NamesOnlyWhatLooksLikeOne(t *testing.T) {
	for name, want := range map[string]string{
		"PASSWORD": "the environment variable PASSWORD", "SHOP_A_SECRET_2": "the environment variable SHOP_A_SECRET_2",
		"password": "an environment variable", "S3CR3TS3CR3TS3CR3T": "an environment variable", "A=B": "an environment variable",
		"A_LONG_NAME_THAT_COULD_BE_ANYTHING_REALLY": "an environment variable",
	} {
		if got := variable(name); got != want {
			t.Errorf("variable(%q) = %q, want %q", name, got, want)
		}
	}
}
