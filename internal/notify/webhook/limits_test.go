package webhook

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a network in memory for one receiver that speaks in a bubble's
// virtual time. It counts the bytes that the sender took.
type memory struct {
	taken  atomic.Int64
	handle func(net.Conn)
}

func (m *memory) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		m.handle(far)
	}()
	return &counted{Conn: near, taken: &m.taken}, nil
}

type counted struct {
	net.Conn
	taken *atomic.Int64
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.taken.Add(int64(n))
	return n, err
}

// afterRequest takes one whole request before it goes on to answer.
func afterRequest(answer func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		var request strings.Builder
		part := make([]byte, 4096)
		for !strings.HasSuffix(request.String(), testBody) {
			n, err := conn.Read(part)
			if err != nil {
				return
			}
			request.Write(part[:n])
		}
		answer(conn)
	}
}

// drip writes the text again and again at that pace until the other side leaves.
func drip(conn net.Conn, text string, pace time.Duration) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
		time.Sleep(pace)
	}
}

// inBubble runs the test in virtual time and then leaves the receivers the time
// to notice that the sender is gone. A goroutine that stays behind on either
// side fails the test.
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}

func TestSend_EndsAtItsTimeLimit_WhateverTheReceiverDoes(t *testing.T) {
	hang := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }
	tests := []struct {
		name   string
		handle func(net.Conn)
		class  Class
		status int
		after  time.Duration // how long Send takes
	}{
		{"takes nothing", func(conn net.Conn) { time.Sleep(30 * time.Second) }, ClassAnswerTimeout, 0, DefaultTimeLimit},
		{"never answers", afterRequest(hang), ClassAnswerTimeout, 0, DefaultTimeLimit},
		{"drips its headers", afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			drip(conn, "X-Drip: 1\r\n", time.Second)
		}), ClassAnswerTimeout, 0, DefaultTimeLimit},
		{"drips its body", afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			drip(conn, "x", time.Second)
		}), ClassDelivered, 200, DefaultTimeLimit},
		{"never ends a fast body", afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			drip(conn, strings.Repeat("x", 1<<10), 0)
		}), ClassDelivered, 200, 0},
		{"goes in the middle of its body", afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf")
		}), ClassServerError, 500, 0},
		{"says 100 without end", afterRequest(func(conn net.Conn) {
			drip(conn, "HTTP/1.1 100 Continue\r\n\r\n", time.Second)
		}), ClassAnswerTimeout, 0, DefaultTimeLimit},
		{"switches to another protocol", afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			hang(conn)
		}), ClassProtocol, 101, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				m := &memory{handle: tt.handle}
				s := newSender(t, Options{DialContext: m.dial})
				start := time.Now()
				result := send(t, s, request("http://merchant.example"))
				if result.Class != tt.class || result.Status != tt.status {
					t.Errorf("%s, %d; want %s, %d", result.Class, result.Status, tt.class, tt.status)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("Send took %v, want %v", took, tt.after)
				}
				if result.Status != 0 && result.Latency != 0 {
					t.Errorf("latency %v, want 0: the header came at once", result.Latency)
				}
			})
		})
	}
}

func TestSend_TakesNoMoreOfAnAnswerThanItsLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := &memory{handle: afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
			drip(conn, strings.Repeat("x", 1000), 0)
		})}
		s := newSender(t, Options{DialContext: m.dial})
		send(t, s, request("http://merchant.example"))
		synctest.Wait()
		// The transport reads through a buffer of 4 KiB; the header is under 100 bytes.
		if taken := m.taken.Load(); taken < DefaultMaxAnswer || taken > DefaultMaxAnswer+4096+100 {
			t.Errorf("%d bytes were taken of an answer of 10 MiB, want 16 KiB and a buffer", taken)
		}
	})
}

func TestSend_GivesUpConnecting_AtTheTimeLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSender(t, Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		start := time.Now()
		result := send(t, s, request("http://merchant.example"))
		if took := time.Since(start); result.Class != ClassConnectTimeout || took != DefaultTimeLimit {
			t.Errorf("%s after %v, want %s after %v", result.Class, took, ClassConnectTimeout, DefaultTimeLimit)
		}
	})
}

func TestSend_GivesUpTheTLSHandshake_AtTheConnectLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := &memory{handle: func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }}
		s := newSender(t, Options{DialContext: m.dial})
		start := time.Now()
		result := send(t, s, request("https://merchant.example"))
		if took := time.Since(start); result.Class != ClassConnectTimeout || took != DefaultConnectLimit {
			t.Errorf("%s after %v, want %s after %v", result.Class, took, ClassConnectTimeout, DefaultConnectLimit)
		}
	})
}

func TestSend_SaysCanceled_WhenTheCallerEndsIt(t *testing.T) {
	tests := []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
	}{
		{"by cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(errors.New("shutdown")) })
			return ctx, func() { cancel(nil) }
		}},
		{"by a deadline of its own", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				m := &memory{handle: afterRequest(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })}
				s := newSender(t, Options{DialContext: m.dial})
				ctx, cancel := tt.end(t.Context())
				defer cancel()
				result := sendWith(t, ctx, s, request("http://merchant.example"))
				if result.Class != ClassCanceled || result.Latency != time.Second {
					t.Errorf("%s after %v, want %s after 1s", result.Class, result.Latency, ClassCanceled)
				}
			})
		})
	}
}

func TestSend_IsDelivered_WhenTheCallerEndsItBehindTheStatus(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := &memory{handle: afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			drip(conn, "x", time.Second)
		})}
		s := newSender(t, Options{DialContext: m.dial})
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		result := sendWith(t, ctx, s, request("http://merchant.example"))
		if result.Class != ClassDelivered || result.Reason != "" || result.OurFault || result.Excerpt != "xxxx" {
			t.Errorf("%s, %q with excerpt %q, want %s with xxxx", result.Class, result.Reason, result.Excerpt, ClassDelivered)
		}
	})
}

func TestSend_MakesEachReceiverWaitForItselfOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		hanging := &memory{handle: afterRequest(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })}
		quick := &memory{handle: afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		})}
		s := newSender(t, Options{Concurrency: 2, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "hanging") {
				return hanging.dial(ctx, network, address)
			}
			return quick.dial(ctx, network, address)
		}})
		for range 50 {
			go s.Send(t.Context(), request("http://hanging.example"))
		}
		synctest.Wait()
		start := time.Now()
		result := send(t, s, request("http://quick.example"))
		if result.Status != http.StatusOK || time.Since(start) != 0 {
			t.Errorf("%+v after %v beside 50 hanging attempts", result, time.Since(start))
		}
	})
}
