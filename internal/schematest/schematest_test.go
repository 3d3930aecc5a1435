package schematest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

type inner struct {
	ID string `json:"id"`
}

type stored struct {
	Schema int             `json:"schema"`
	At     time.Time       `json:"at,omitzero"`
	One    *inner          `json:"one,omitempty"`
	All    []inner         `json:"all,omitempty"`
	Free   json.RawMessage `json:"free,omitempty"`
	Words  map[string]int  `json:"words"`
	Own    string          `json:"-"`
	inner
}

const whole = `{"schema":1,"at":"2026-01-02T03:04:05Z","one":{"id":"a"},"all":[{},{"id":"b"}],"free":{"x":1},"words":{"y":2},"id":"c"}`

func TestCompare_FindsFieldsThatCameOrWent(t *testing.T) {
	for name, row := range map[string]struct {
		golden           []string
		missing, unknown []string
	}{
		"complete":        {[]string{whole}, nil, nil},
		"in two files":    {[]string{`{"schema":1,"at":"","one":{"id":"a"},"all":[{"id":"b"}]}`, `{"free":{},"words":{},"id":""}`}, nil, nil},
		"came":            {[]string{`{"schema":1,"at":"","one":{},"all":[{}],"free":{},"words":{}}`}, []string{".all[].id", ".id", ".one.id"}, nil},
		"went":            {[]string{whole, `{"old":{"x":1},"one":{"gone":1}}`}, nil, []string{".old", ".one.gone"}},
		"not of our type": {[]string{whole, `{"free":{"z":{"q":1}},"words":{"w":1}}`}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var golden [][]byte
			for _, text := range row.golden {
				golden = append(golden, []byte(text))
			}
			missing, unknown := compare(t, stored{}, golden)
			if !slices.Equal(missing, row.missing) || !slices.Equal(unknown, row.unknown) {
				t.Errorf("missing %v, unknown %v; want %v, %v", missing, unknown, row.missing, row.unknown)
			}
		})
	}
}

func TestNewer_ChangesTheVersionWhereverItStands(t *testing.T) {
	want := [][]byte{[]byte(`{"a":1,"data":{"b":"x","v":999}}`), []byte(`{"a":"of another type","data":{"b":[],"v":999}}`)}
	if got := Newer(t, []byte(`{"data":{"v":1,"b":"x"},"a":1}`), "v"); !reflect.DeepEqual(got, want) {
		t.Errorf("%s", got)
	}
}

func TestReadMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.msg")
	if err := os.WriteFile(path, []byte("a.b\nOne: x: y\nTwo: 1\nTwo: 2\n\n{}\n\nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := Message{Subject: "a.b", Header: map[string][]string{"One": {"x: y"}, "Two": {"1", "2"}}, Body: []byte("{}\n\nrest")}
	if got := ReadMessage(t, path); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
