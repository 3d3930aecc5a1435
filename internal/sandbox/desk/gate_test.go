package desk

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
)

// inTrouble makes a desk whose provider is in trouble from second 1 to 11.
func inTrouble(t *testing.T, kind fault.Kind) func(*Options) {
	return func(o *Options) {
		now := time.Now()
		err := o.Plan.Add(fault.Trouble{Provider: life.Halyk, Kind: kind, From: now.Add(time.Second), Until: now.Add(11 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDesk_InATrouble_NobodyIsAnswered_UntilItEnds(t *testing.T) {
	rows := []struct {
		kind   fault.Kind
		status int
		after  time.Duration
	}{{fault.Outage503, 503, 0}, {fault.OutageReset, 0, 0}, {fault.OutageRefused, 0, 0}, {fault.OutageHang, 0, 9 * time.Second}}
	for _, row := range rows {
		t.Run(string(row.kind), func(t *testing.T) {
			inBubble(t, inTrouble(t, row.kind), func(t *testing.T, b *bundle) {
				if status, _, err := b.get(t, "/status"); status != http.StatusOK {
					t.Fatalf("before: answered %d, %v", status, err)
				}
				time.Sleep(2 * time.Second)
				began := time.Now()
				status, _, err := b.get(t, "/status")
				if status != row.status || (err == nil) != (row.status != 0) || time.Since(began) != row.after {
					t.Errorf("answered %d, %v after %v, want %d after %v", status, err, time.Since(began), row.status, row.after)
				}
				got := b.last(t)
				want := Ask{
					Arrived: began, Answered: began.Add(row.after), Provider: life.Halyk, Fault: string(row.kind), HTTPStatus: row.status,
				}
				if got != want {
					t.Errorf("wrote down %+v\nwant %+v", got, want)
				}
				time.Sleep(time.Until(began.Add(9 * time.Second)))
				if status, _, err := b.get(t, "/status"); status != http.StatusOK {
					t.Errorf("after: answered %d, %v", status, err)
				}
				if n := len(b.desk.Ledger.Asks()); n != 3 {
					t.Errorf("%d asks are written down, want 3", n)
				}
			})
		})
	}
}

// A client that keeps its connections meets a refusal on them, too.
func TestDesk_Refused_ClosesKeptConnections(t *testing.T) {
	inBubble(t, inTrouble(t, fault.OutageRefused), func(t *testing.T, b *bundle) {
		transport := b.client.Transport.(*http.Transport)
		transport.DisableKeepAlives = false
		defer transport.CloseIdleConnections()
		if status, _, err := b.get(t, "/status"); status != http.StatusOK {
			t.Fatalf("before: answered %d, %v", status, err)
		}
		time.Sleep(2 * time.Second)
		if _, _, err := b.get(t, "/status"); err == nil {
			t.Error("a kept connection was answered")
		}
		for _, ask := range b.desk.Ledger.Asks()[1:] {
			if ask.Fault != string(fault.OutageRefused) || ask.Endpoint != "" {
				t.Errorf("wrote down %+v", ask)
			}
		}
	})
}
