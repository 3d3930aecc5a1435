package brokertest

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// Ports from firstPort on, so many, lie below those that systems give to outgoing
// connections (from 32768 on Linux, 49152 by RFC 6335). One of those could take the
// port of a server that is not up yet, or is down for a while.
const (
	firstPort = 20_000
	portCount = 10_000
)

// Addresses finds loopback addresses with ports in a row that nobody listens on, for
// whom a port must be known before it is listened on.
func Addresses(t testing.TB, count int) []string {
	t.Helper()
	row := make([]string, 0, count)
	begin := int(time.Now().UnixNano() % portCount) // another place each time
	for i := range portCount {
		port := firstPort + (begin+i)%portCount
		if port == firstPort {
			row = row[:0] // the row would begin at the upper end
		}
		address := fmt.Sprint("127.0.0.1:", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			row = row[:0]
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if row = append(row, address); len(row) == count {
			return row
		}
	}
	t.Fatalf("found no %d free ports in a row", count)
	return nil
}
