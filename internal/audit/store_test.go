package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// stall writes into the store of a server that is down that a consumer was given and has
// acknowledged everything up to delivered, and has nothing in work: what the server makes
// of a lost state (nats-server store.go, encodeConsumerState).
func stall(t *testing.T, dir, stream, name string, delivered uint64) {
	t.Helper()
	folder := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(filepath.ToSlash(path), "streams/"+stream+"/obs/"+name) {
			folder = path
		}
		return err
	})
	if err != nil || folder == "" {
		t.Fatalf("the store has no such consumer (%v)", err)
	}
	state := []byte{22, 2} // magic and version
	for _, n := range []uint64{delivered, delivered, delivered, delivered, 0, 0} {
		state = binary.AppendUvarint(state, n)
	}
	if err := os.WriteFile(filepath.Join(folder, "o.dat"), state, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAudit_ReportsAStalledConsumer(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		e, b := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		s := worked(t, b, 3)
		time.Sleep(5*time.Minute + 5*time.Second)
		s.stop()
		time.Sleep(time.Hour) // the polls become due, and nobody takes them
		state, err := s.stream(broker.StreamWork).Info(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.Conn().Close()
		brokertest.Shutdown(t, e)
		stall(t, dir, broker.StreamWork, "poller-"+acme, state.State.LastSeq)

		_, b = brokertest.StartServer(t, brokertest.WithDataDir(dir))
		s = newStage(t, b)
		r := s.audit(s.repairing())
		if f := s.one(r, KindConsumer); f.Consumer != "poller-"+acme || !strings.Contains(f.Detail, "stalled: the stream holds 4 messages for it, it knows of 0") {
			t.Errorf("found %+v", f)
		}
		if r.Left() != 1 {
			t.Errorf("found %+v", r)
		}
	})
}

// fullStore is a stage on a broker whose store takes 4 MiB; fill takes all that is left
// and gives what makes room again.
func fullStore(t *testing.T, f func(s *stage, fill func() (free func()))) {
	brokertest.Bubble(t, func(t *testing.T) {
		b := brokertest.Start(t, brokertest.WithMaxStore(4<<20))
		filler := brokertest.NewFiller(t, b)
		f(worked(t, b, 10), func() func() {
			filler.Fill(t)
			return func() { filler.Empty(t) }
		})
	})
}

func TestAudit_FindsAndRepairs_WhatAFullStoreSilenced(t *testing.T) {
	fullStore(t, func(s *stage, fill func() func()) {
		time.Sleep(20*time.Minute + 5*time.Second)
		s.stop()
		free := fill()
		time.Sleep(10 * time.Minute)
		r := s.audit(s.options())
		overdue := r.Counts[KindTimerOverdue].Found
		if overdue < 5 || r.Left() != overdue || r.Findings[0].Payment == "" || r.Findings[0].Stream != broker.StreamWork {
			s.Fatalf("found %+v", r)
		}
		limited, cancel := context.WithTimeout(s.ctx, time.Minute)
		defer cancel()
		if r, err := New(s.repairing()).Run(limited); err == nil || r.Left() == 0 {
			s.Errorf("repaired in a full store: %+v, %v", r.Counts, err)
		}
		free()
		if r := s.audit(s.repairing()); r.Counts[KindTimerOverdue] != (Count{overdue, overdue}) || r.Left() != 0 {
			s.Errorf("repaired %+v, want %d", r, overdue)
		}
		s.sound()
	})
}

// The rules' sealed strings are looked for in what is not kept too.
func TestAudit_FindsASecret_InATimer(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 2)
		time.Sleep(time.Minute)
		s.stop()
		o := s.options()
		o.Sealed = []string{`"order":"p1"`}
		r := s.audit(o)
		if len(r.Findings) == 0 {
			t.Fatal("nothing was found")
		}
		for _, f := range r.Findings {
			if f.Rule != 9 || f.Payment != "p1" || strings.Contains(fmt.Sprint(f), "order\"") {
				t.Errorf("found %+v", f)
			}
		}
	})
}
