package notify

import (
	"encoding/json"
	"os"
	"testing"
)

func TestFormat_ThinTellsIdsVersionAndStatusOnly(t *testing.T) {
	full, err := os.ReadFile("../payment/testdata/schema/v1/event.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := FormatThin.Render(full)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"payment.refunded","timestamp":"2026-02-04T09:30:00.000000001Z",` +
		`"data":{"payment_id":"p-1/ü","merchant_id":"m.1","version":4,"status":"refunded","schema_version":1}}`
	if string(got) != want {
		t.Errorf("thin:\n%s\nwant\n%s", got, want)
	}
	for _, f := range []Format{"", FormatFull} {
		if same, err := f.Render(full); err != nil || string(same) != string(full) {
			t.Errorf("format %q changed the body: %v", f, err)
		}
	}
	if _, err := FormatThin.Render([]byte(`{"data":7}`)); err == nil {
		t.Error("what is no event became a thin one")
	}
}

func FuzzFormat_Render(f *testing.F) {
	f.Add([]byte(`{"type":"payment.succeeded","timestamp":"2026-02-04T09:30:00Z","data":{"payment_id":"<p>","version":1}}`))
	f.Add([]byte(`{"type":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := FormatThin.Render(body)
		if err == nil && !json.Valid(got) {
			t.Errorf("%q became %q", body, got)
		}
	})
}
