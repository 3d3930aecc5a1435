package desk

import (
	"net"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/line"
)

// Gate is the listener that the desk is to be served on: while the provider
// refuses connections, each is closed before a byte of it is read, and written
// down as an ask of which nothing is known.
func (d *Desk) Gate(l net.Listener) net.Listener { return &gate{Listener: l, desk: d} }

type gate struct {
	net.Listener
	desk *Desk
}

// Accept gives the next connection that is let in.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if g.desk.Plan.Outage(g.desk.Provider, now).Kind != fault.OutageRefused {
			return conn, nil
		}
		g.desk.Ledger.open(Ask{
			Arrived: now, Answered: now, Provider: g.desk.Provider, Fault: string(fault.OutageRefused),
			BeforeRetryAfter: g.desk.early(now),
		})
		line.Drop(conn)
	}
}
