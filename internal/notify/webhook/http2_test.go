package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/secret"
)

// Frames of HTTP/2 (RFC 9113 section 6), written by hand: a server that
// misbehaves can't be had otherwise.
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
)

func writeFrame(conn net.Conn, kind, flags byte, stream uint32, payload []byte) {
	frame := append([]byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}, binary.BigEndian.AppendUint32(nil, stream)...)
	_, _ = conn.Write(append(frame, payload...))
}

// words packs 32-bit numbers.
func words(numbers ...uint32) []byte {
	var packed []byte
	for _, n := range numbers {
		packed = binary.BigEndian.AppendUint32(packed, n)
	}
	return packed
}

// http2Receiver lets answer end each request, of that stream on the n-th connection.
func http2Receiver(t *testing.T, answer func(conn net.Conn, n int32, stream uint32)) (Options, PoolOptions, *atomic.Int32) {
	t.Helper()
	certificate, key := selfSigned(t, "merchant.example", time.Now().AddDate(1, 0, 0))
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	count := new(atomic.Int32)
	base := rawServer(t, func(raw net.Conn) {
		conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
		preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		if _, err := io.ReadFull(conn, preface); err != nil || !bytes.HasPrefix(preface, []byte("PRI")) {
			return
		}
		n := count.Add(1)
		writeFrame(conn, frameSettings, 0, 0, nil)
		for {
			head := make([]byte, 9)
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
				return
			}
			stream := binary.BigEndian.Uint32(head[5:])
			switch {
			case head[3] == frameSettings && head[4] == 0:
				writeFrame(conn, frameSettings, 1, 0, nil) // acknowledged
			case stream != 0 && head[4]&1 != 0: // the request's last frame
				answer(conn, n, stream)
			}
		}
	})
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(base, "http://"))
	}
	return Options{DialContext: dial}, PoolOptions{CAs: secret.New(certificate)}, count
}

func TestAwkward_HTTP2_EndsAndRefusals(t *testing.T) {
	ok := func(conn net.Conn, stream uint32) { writeFrame(conn, frameHeaders, 5, stream, []byte{0x89}) } // :status 204, the end
	tests := []struct {
		name        string
		answer      func(conn net.Conn, n int32, stream uint32)
		class       Class
		reason      Reason
		connections int32
	}{
		{"GOAWAY before the request was looked at", func(conn net.Conn, n int32, stream uint32) {
			if n == 1 {
				writeFrame(conn, frameGoAway, 0, 0, words(0, 0)) // last stream 0, no error
				return
			}
			ok(conn, stream)
		}, ClassDelivered, "", 2},
		{"GOAWAY behind the request, then its answer", func(conn net.Conn, _ int32, stream uint32) {
			writeFrame(conn, frameGoAway, 0, 0, words(stream, 0))
			ok(conn, stream)
		}, ClassDelivered, "", 1},
		{"GOAWAY with an error and the end", func(conn net.Conn, _ int32, stream uint32) {
			writeFrame(conn, frameGoAway, 0, 0, words(stream, 2)) // internal error
			_ = conn.Close()
		}, ClassReset, ReasonReset, 1},
		{"stream refused, then taken", func(conn net.Conn, _ int32, stream uint32) {
			if stream == 1 {
				writeFrame(conn, frameReset, 0, stream, words(7)) // REFUSED_STREAM: nothing was done
				return
			}
			ok(conn, stream)
		}, ClassDelivered, "", 1},
		{"stream reset", func(conn net.Conn, _ int32, stream uint32) {
			writeFrame(conn, frameReset, 0, stream, words(2))
		}, ClassReset, ReasonReset, 1},
		{"answer without a status", func(conn net.Conn, _ int32, stream uint32) {
			writeFrame(conn, frameHeaders, 5, stream, nil)
		}, ClassProtocol, ReasonNotHTTP, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, pool, count := http2Receiver(t, tt.answer)
			s := newSender(t, o)
			r := request("https://merchant.example")
			r.Pool = newPool(t, s, pool)
			result := send(t, s, r)
			if result.Class != tt.class || result.Reason != tt.reason || result.OurFault {
				t.Errorf("%+v, want %s, %s", result, tt.class, tt.reason)
			}
			if count.Load() != tt.connections {
				t.Errorf("%d connections, want %d", count.Load(), tt.connections)
			}
		})
	}
}
