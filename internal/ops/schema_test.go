package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/schematest"
)

const storedReplayFile = "testdata/schema/v1/replay.json"

// storedReplay is the golden record: every field has a value, although no selection
// holds all of them.
func storedReplay() replayRecord {
	at := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	return replayRecord{
		Schema: 1, Name: "night", Run: 2,
		Selection: Selection{
			All: true, Merchant: "m-1", Endpoint: "orders", Payment: "p.1", Types: []string{"payment.succeeded"},
			Since: at.Add(-time.Hour), Until: at, FromSeq: 3, ToSeq: 900, Skipped: true, Exhausted: true, Dead: AnyReason,
		},
		To: 900, Log: 1200, Dead: 17, Position: 450, Done: []string{"orders"},
		Counts:    ReplayCounts{Sent: 1, Pending: 2, Off: 3, Repeated: 4, Settled: 5, Removed: 6, Unwanted: 7, Expired: 8, Unreadable: 9},
		StartedAt: at, FinishedAt: at.Add(time.Minute),
	}
}

func TestSchema_AReplayOfTheFirstVersionIsRead(t *testing.T) {
	golden, want := schematest.Read(t, storedReplayFile), storedReplay()
	got, err := parseReplay("night", golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if value, err := json.Marshal(want); err != nil || !bytes.Equal(value, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", value, err, golden)
	}
	schematest.Complete(t, replayRecord{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema") {
		if _, err := parseReplay("night", later); !errors.Is(err, errReplayNewer) {
			t.Errorf("%s: %v, want it left to newer code", later, err)
		}
	}
}

func TestReplay_LeavesTheRecordOfNewerCodeAlone(t *testing.T) {
	inPast(t, func(p *past) {
		p.story()
		bucket, err := p.b.Bucket(p.Context(), broker.BucketOptions{Name: BucketReplays, History: 1, TTL: replaysKept})
		if err != nil {
			p.Fatal(err)
		}
		for _, later := range schematest.Newer(p, schematest.Read(p, storedReplayFile), "schema") {
			revision, err := bucket.Put(p.Context(), "night", later)
			if err != nil {
				p.Fatal(err)
			}
			_, err = p.replays.Run(p.Context(), ReplayWish{Name: "night", Selection: Selection{Merchant: "a"}})
			if last, _ := p.b.Extent(p.Context(), broker.StreamWork); !errors.Is(err, errReplayNewer) || last.Last != 0 {
				p.Errorf("it ended with %v and %d jobs", err, last.Last)
			}
			if entry, err := bucket.Get(p.Context(), "night"); err != nil || entry.Revision() != revision {
				p.Errorf("the record was overwritten, %v", err)
			}
		}
	})
}

func TestSchema_WebhookJobsInDeadLettersAreSentAgain(t *testing.T) {
	for version := 1; version <= jobSchema; version++ {
		golden := schematest.ReadMessage(t, fmt.Sprintf("../consumer/testdata/schema/v%d/webhook.msg", version))
		buried := func(job []byte) broker.Letter {
			header := maps.Clone(golden.Header)
			header[headerJob] = []string{string(job)}
			return broker.Letter{Dead: broker.Dead{Source: broker.Source{Subject: golden.Subject, Header: header, Body: golden.Body}}}
		}
		text := []byte(golden.Header[headerJob][0])
		due, err := letterJob(buried(text), "morning")
		const want = `{"attempts":0,"before":9,"endpoint":"orders","event_id":"evt_3c27222f09b35d8b0e7e535d_2","merchant_id":"m-1","payment_id":"p.1","replay":"morning","schema":2,"seq":17,"version":2}`
		if err != nil || due.Subject != golden.Subject || due.Header.Get(headerJob) != want || !bytes.Equal(due.Body, golden.Body) {
			t.Errorf("version %d is sent as %+v, %v", version, due, err)
		}
		for _, later := range schematest.Newer(t, text, "schema") {
			if _, err := letterJob(buried(later), "morning"); !errors.Is(err, errNewerJob) {
				t.Errorf("%s: %v, want it left to newer code", later, err)
			}
		}
	}
}
