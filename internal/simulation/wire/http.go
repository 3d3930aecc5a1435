package wire

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// HTTPPolicy says what becomes of a request. Replace is ignored.
type HTTPPolicy func(*HTTPRequest) Verdict

// DialFunc is net.Dialer's DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// HTTPOptions say what a link is between.
type HTTPOptions struct {
	// Name stands in the log.
	Name string
	// Counter numbers the requests; nil makes one.
	Counter *Counter
	// Dial reaches the servers.
	Dial DialFunc
	// Unheard is told how an answer begins that the client does not get, and whose it
	// is, at the moment in which it is lost; nil: nobody asks.
	Unheard func(address string, begin []byte)
}

// HTTPLink is the link to servers that speak HTTP/1.1 without TLS. A request is
// counted, and sent, when the client has written all of it.
type HTTPLink struct {
	*Line
	dial    DialFunc
	unheard func(address string, begin []byte)
	policy  atomic.Pointer[HTTPPolicy]
}

// NewHTTP makes a link without faults. Make it inside the bubble that uses it.
func NewHTTP(o HTTPOptions) *HTTPLink {
	if o.Unheard == nil {
		o.Unheard = func(string, []byte) {}
	}
	return &HTTPLink{Line: newLine(o.Name, o.Counter), dial: o.Dial, unheard: o.Unheard}
}

// SetPolicy asks p about every request from now on; nil lets all pass.
func (l *HTTPLink) SetPolicy(p HTTPPolicy) {
	if p == nil {
		l.policy.Store(nil)
		return
	}
	l.policy.Store(&p)
}

// DialContext is for http.Transport. It refuses with ECONNREFUSED while Refused is
// laid and after Kill; under other faults it connects, and they hold for the
// connection.
func (l *HTTPLink) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	h := &httpConn{link: l, address: address}
	l.mu.Lock()
	closed := l.closedTo(h)
	l.mu.Unlock()
	if closed {
		return nil, syscall.ECONNREFUSED
	}
	remote, err := l.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := newConn(l.Line, remote)
	c.codec, c.limit, h.conn = h, answerLimit, c
	return l.open(c)
}

// answerLimit is how much of an answer is taken before the client reads it.
const answerLimit = 256 << 10

// httpConn is the codec of one connection.
type httpConn struct {
	link    *HTTPLink
	conn    *conn
	address string
	rest    []byte // an unfinished request

	mu      sync.Mutex // protects all following fields; never held while waiting
	waiting bool       // the answer has not begun
	answer  Fate
	cut     bool
	steps   []func()
}

func (h *httpConn) refuses(Fault) bool { return false }

func (h *httpConn) clientSent(p []byte) {
	h.rest = append(h.rest, p...)
	for len(h.rest) > 0 {
		request := HTTPRequest{Address: h.address}
		length, err := parseRequest(h.rest, &request)
		if err != nil {
			h.link.confused(h.conn, err)
			return
		}
		if length == 0 {
			return
		}
		h.send(&request, h.rest[:length])
		h.rest = h.rest[:copy(h.rest, h.rest[length:])]
	}
	if cap(h.rest) > largest {
		h.rest = nil
	}
}

func (h *httpConn) send(r *HTTPRequest, raw []byte) {
	l := h.link
	var p plan
	r.Call, p = l.counter.next(true)
	var v Verdict
	if policy := l.policy.Load(); policy != nil {
		v = (*policy)(r)
	}
	v.Replace = nil
	v.Lose = v.Lose || h.conn.lostUp.Load()
	l.counter.write(entry{call: r.Call, link: l.name, what: r.Method, on: r.Address + r.Path(), verdict: v})

	h.mu.Lock()
	h.waiting, h.answer, h.cut, h.steps = true, v.Answer, v.Cut == Answering, p.answering
	h.mu.Unlock()

	do(p.before)
	if v.Cut == Before {
		h.conn.cut(false)
		return
	}
	switch {
	case v.Lose:
	case v.Delay > 0:
		late := bytes.Clone(raw)
		time.AfterFunc(v.Delay, func() {
			if !h.conn.lostUp.Load() {
				h.conn.up.put(late)
			}
		})
	default:
		h.conn.up.put(raw)
	}
	do(p.after)
	if v.Cut == After {
		h.conn.cut(false)
	}
}

func (h *httpConn) serverSent(p []byte) {
	h.mu.Lock()
	if h.conn.lostDown.Load() {
		h.answer.Lose = true // the rest of it, too: half an answer is worse than none
	}
	begins, answer, cut, steps := h.waiting, h.answer, h.cut, h.steps
	h.waiting, h.steps = false, nil
	h.mu.Unlock()

	if begins && (cut || answer.Lose) {
		h.link.unheard(h.address, p)
	}
	if begins && (cut || len(steps) > 0) {
		h.conn.down.put(p[:1])
		p = p[1:]
		do(steps)
	}
	if begins && cut {
		h.conn.down.end()
		h.conn.finish(false)
		return
	}
	if answer.Lose {
		return
	}
	if begins && answer.Delay > 0 {
		h.conn.down.hold()
		time.AfterFunc(answer.Delay, h.conn.down.release)
	}
	h.conn.down.put(p)
}
