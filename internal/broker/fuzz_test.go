package broker

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
)

// Whatever stands in a dead letter that somebody forged, reading it ends with an
// error or with pieces of what was there.
func FuzzOriginal_TakesAnyLetter(f *testing.F) {
	packed, err := packHeader(nats.Header{"a": {"b", "\xff"}, "": {}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strconv.Itoa(len(packed)), append(packed, "body"...))
	for _, size := range []string{"", "0", "-1", "4", "99", "x", "99999999999999999999"} {
		f.Add(size, []byte("body"))
	}
	f.Fuzz(func(t *testing.T, size string, content []byte) {
		_, body, err := original(nats.Header{headerInline: {size}, headerOriginal + "x": {"y"}}, content)
		if err == nil && !bytes.HasSuffix(content, body) {
			t.Errorf("the body %q was not in %q", body, content)
		}
	})
}

func FuzzPackHeader_KeepsEveryByte(f *testing.F) {
	f.Add("name", "value", "other")
	f.Add("", "\r\n", "\xff\x00")
	f.Fuzz(func(t *testing.T, name, first, second string) {
		want := nats.Header{name: {first, second}, name + "2": {}}
		packed, err := packHeader(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackHeader(packed)
		if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%v came back as %v, %v", want, got, err)
		}
	})
}

func FuzzParseVersion_IsNeverLaterThanItSays(f *testing.F) {
	for _, seed := range []string{"2.12.12", "v2.15.2-beta.1", "2.15.2+x", "..", "1.2.3.4", "2.99999.1", "2.12.+1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := parseVersion(s)
		if ok && (v[0] < 0 || v[1] < 0 || v[2] < -1) {
			t.Errorf("%q is %v", s, v)
		}
		if _, err := CheckVersion(s); err == nil && (!ok || v.less(versionNeeded())) {
			t.Errorf("%q is accepted", s)
		}
	})
}

func FuzzOneLine_FitsIntoAHeader(f *testing.F) {
	f.Add("two\r\nlines", 100)
	f.Add("Ж\xffЖЖЖ", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit &= 0xfff
		got := oneLine(s, limit)
		if len(got) > limit || !travels(nats.Header{"x": {got}}, 1<<20) {
			t.Errorf("oneLine(%q, %d) = %q", s, limit, got)
		}
	})
}
