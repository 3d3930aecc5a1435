// Package line misbehaves on a connection the way networks and gateways do: it
// keeps the caller waiting, hangs up, or breaks off half way through an answer.
//
// Each call runs in the handler's own goroutine and returns at the latest when
// the context ends; nothing is left running. Needs an HTTP/1 connection, on
// sockets or in memory; on any other the connection is left to the server.
package line

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Pause waits for the duration, or until the context ends if that is sooner.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Reset hangs up without an answer; over TCP the other side sees a reset.
func Reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	Drop(conn)
}

// Drop closes a connection; over TCP the other side sees a reset.
func Drop(conn net.Conn) {
	under := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		under = wrapped.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		// Linger 0 sends RST instead of FIN: "connection reset by peer".
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Cut announces the whole body and sends the first half of it, then hangs up. The
// error is that of sending.
func Cut(w http.ResponseWriter, status int, contentType string, body []byte) error {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take the connection over: %w", err)
	}
	defer func() { _ = conn.Close() }()
	return writeHalf(out.Writer, status, contentType, body)
}

func writeHalf(out *bufio.Writer, status int, contentType string, body []byte) error {
	_, _ = fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		status, http.StatusText(status), contentType, len(body)+1)
	_, _ = out.Write(body[:len(body)/2])
	return out.Flush()
}
