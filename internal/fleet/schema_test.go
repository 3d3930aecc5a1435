package fleet

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"reconciler/internal/schematest"
)

func storedRecord() record {
	at := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	return record{
		Schema: 1, Epoch: 7, Open: true, Rung: 2, Reason: "5 failures in a row", OpenedAt: at, ReopenAt: at.Add(20 * time.Second),
		ClosedAt: at.Add(-time.Hour), ThrottledUntil: at.Add(30 * time.Second), Probe: &lease{Worker: "w-1", Until: at.Add(15 * time.Second)},
	}
}

func TestSchema_ARecordOfTheFirstVersionIsRead(t *testing.T) {
	golden, want := schematest.Read(t, "testdata/schema/v1/breaker.json"), storedRecord()
	got, err := parseRecord(golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if value, err := want.encode(); err != nil || !bytes.Equal(value, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", value, err, golden)
	}
	schematest.Complete(t, record{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema") {
		if _, err := parseRecord(later); !errors.Is(err, errNewer) {
			t.Errorf("%s: %v, want it left to newer workers", later, err)
		}
	}
}
