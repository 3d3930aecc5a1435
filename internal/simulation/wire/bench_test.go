package wire_test

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// direct dials without anything between.
type direct struct{ server *broker.Embedded }

func (d direct) Dial(string, string) (net.Conn, error) { return d.server.InProcessConn() }

// plain is the least that a relay can be: bytes go on as they come.
type plain struct{ server *broker.Embedded }

func (p plain) Dial(string, string) (net.Conn, error) {
	remote, err := p.server.InProcessConn()
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // until one of them ends
		_ = to.Close()
		_ = from.Close()
	}
	go carry(remote, there)
	go carry(there, remote)
	return here, nil
}

// BenchmarkRelays measures the CPU of client, relay and server together, a frame:
// what a link costs is the difference to the others.
func BenchmarkRelays(b *testing.B) {
	e, _ := brokertest.StartBare(b)
	link := wire.NewNATS(wire.NATSOptions{Name: "link", Server: e})
	asked := wire.NewNATS(wire.NATSOptions{Name: "asked", Server: e})
	asked.SetPolicy(func(f *wire.Frame) wire.Verdict {
		if f.Class == wire.StatusAppend && f.Header().Get("ce-id") == "none" {
			return wire.Verdict{Cut: wire.Before}
		}
		return wire.Verdict{}
	})
	for _, way := range []struct {
		name   string
		dialer nats.CustomDialer
	}{{"none", direct{e}}, {"plain", plain{e}}, {"link", link}, {"link and policy", asked}} {
		b.Run("request/"+way.name, func(b *testing.B) { benchRequests(b, way.dialer) })
		b.Run("burst/"+way.name, func(b *testing.B) { benchBurst(b, way.dialer) })
	}
	link.Kill()
	asked.Kill()
}

func benchConn(b *testing.B, dialer nats.CustomDialer) *nats.Conn {
	b.Helper()
	conn, err := nats.Connect("nats://127.0.0.1:4222", nats.SetCustomDialer(dialer))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	return conn
}

// statusMessage is a change as large as ours are.
func statusMessage() *nats.Msg {
	return &nats.Msg{
		Subject: "payments.status.pending.acc.m.p", Data: make([]byte, 700),
		Header: nats.Header{"ce-id": {"x"}, "ce-type": {"payment.pending"}, "Nats-Msg-Id": {"x"}, "Nats-Expected-Stream": {"PAYMENT_STATUS"}},
	}
}

// benchRequests asks one thing after the other: four frames each.
func benchRequests(b *testing.B, dialer nats.CustomDialer) {
	conn := benchConn(b, dialer)
	_, err := conn.Subscribe("payments.status.>", func(m *nats.Msg) { _ = m.Respond(nil) })
	if err != nil {
		b.Fatal(err)
	}
	began := spent(b)
	for b.Loop() {
		if _, err := conn.RequestMsg(statusMessage(), time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	report(b, began, 4)
}

// benchBurst sends a hundred messages and hears them: two hundred frames.
func benchBurst(b *testing.B, dialer nats.CustomDialer) {
	conn := benchConn(b, dialer)
	heard := make(chan *nats.Msg, 200)
	if _, err := conn.ChanSubscribe("payments.status.>", heard); err != nil {
		b.Fatal(err)
	}
	began := spent(b)
	for b.Loop() {
		for range 100 {
			if err := conn.PublishMsg(statusMessage()); err != nil {
				b.Fatal(err)
			}
		}
		for range 100 {
			<-heard
		}
	}
	report(b, began, 200)
}

func report(b *testing.B, began time.Duration, frames int) {
	b.ReportMetric(float64(spent(b)-began)/float64(b.N*frames), "cpu-ns/frame")
	b.ReportMetric(0, "ns/op")
}

// spent is the CPU time of the process so far.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
