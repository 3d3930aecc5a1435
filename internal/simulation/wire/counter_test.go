package wire_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// One counter over both kinds of links numbers what a worker does, whatever it
// is, and a planned step ends all of them at once.
func TestCounter_GoesOverAllLinks(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		ctx, counter := days(t, 1), wire.NewCounter()
		e, _ := brokertest.StartServer(t)
		link := wire.NewNATS(wire.NATSOptions{Name: "nats", Counter: counter, Server: e})
		t.Cleanup(link.Kill)
		b := behind(t, link)
		s := newSite(t)
		s.link = wire.NewHTTP(wire.HTTPOptions{Name: "http", Counter: counter, Dial: s.link.DialContext})
		t.Cleanup(s.link.Kill)
		s.client.CloseIdleConnections()
		s.client.Transport = transportOver(s.link)

		begun := counter.Calls()
		var order []string
		for n, what := range []string{"append", "request", "append", "request"} {
			counter.At(begun+n+1, wire.Before, func() { order = append(order, what) })
		}
		counter.At(begun+4, wire.Before, func() {
			link.Kill()
			s.link.Kill()
		})
		if _, err := b.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Error(err)
		}
		if _, err := s.get("/1"); err != nil {
			t.Error(err)
		}
		if _, err := b.AppendStatus(ctx, change(2, 1)); err != nil {
			t.Error(err)
		}
		if _, err := s.get("/2"); err == nil {
			t.Error("an answer after the end")
		}
		synctest.Wait()
		if got := strings.Join(order, " "); got != "append request append request" || counter.Calls() < begun+4 {
			t.Errorf("the order is %s, %d calls", got, counter.Calls()-begun)
		}
		if b.Conn().IsConnected() || s.heard() != "GET /1 0" {
			t.Errorf("something lives on: connected %t, asked %s", b.Conn().IsConnected(), s.heard())
		}
		for _, line := range []string{"nats status append payments.status.pending.acc.m.p\n", "http GET site.test:80/2\n", "nats killed\n", "http killed\n"} {
			if !strings.Contains(counter.Log(), line) {
				t.Errorf("the log lacks %q:\n%s", line, counter.Log())
			}
		}
	})
}

func TestCounter_KeepsTheLastLines(t *testing.T) {
	c := wire.NewCounter()
	link := wire.NewNATS(wire.NATSOptions{Name: "old", Counter: c})
	link.Heal()
	link = wire.NewNATS(wire.NATSOptions{Name: "new", Counter: c})
	for range 200 {
		link.Lay(wire.Fault{Up: wire.Held, Down: wire.Lost, Refused: true})
	}
	log := c.Log()
	if strings.Contains(log, "old") || strings.Count(log, "new up held, down lost, refused\n") != 200 {
		t.Errorf("the log is\n%s", log)
	}
}
