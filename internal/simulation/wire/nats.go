package wire

import (
	"bytes"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Server opens the client's end of a connection within the process, as
// broker.Embedded does.
type Server interface {
	InProcessConn() (net.Conn, error)
}

// Policy says what becomes of a frame. See the package comment for what it may do.
type Policy func(*Frame) Verdict

// NATSOptions say what a link is between.
type NATSOptions struct {
	// Name stands in the log.
	Name string
	// Counter numbers the calls; nil makes one.
	Counter *Counter
	// Server is the one at the other end; nil until SetServer.
	Server Server
}

// NATSLink is the link to a broker. It is a dialer for broker.ConnectOptions.
type NATSLink struct {
	*Line
	answers *answers
	server  atomic.Pointer[Server]
	policy  atomic.Pointer[Policy]
}

// NewNATS makes a link without faults. Make it inside the bubble that uses it.
func NewNATS(o NATSOptions) *NATSLink {
	l := &NATSLink{Line: newLine(o.Name, o.Counter), answers: newAnswers()}
	if o.Server != nil {
		l.SetServer(o.Server)
	}
	return l
}

// SetServer puts another server at the end of the link, for connections to come.
func (l *NATSLink) SetServer(s Server) { l.server.Store(&s) }

// Clear takes the server away: connections are cut and refused until SetServer.
func (l *NATSLink) Clear() {
	l.server.Store(nil)
	l.Cut()
}

// SetPolicy asks p about every frame from now on; nil lets all pass.
func (l *NATSLink) SetPolicy(p Policy) {
	if p == nil {
		l.policy.Store(nil)
		return
	}
	l.policy.Store(&p)
}

// Dial connects at once or refuses with ECONNREFUSED; it ignores the address.
func (l *NATSLink) Dial(_, _ string) (net.Conn, error) {
	server := l.server.Load()
	n := &natsConn{link: l}
	l.mu.Lock()
	closed := l.closedTo(n)
	l.mu.Unlock()
	if server == nil || closed {
		return nil, syscall.ECONNREFUSED
	}
	remote, err := (*server).InProcessConn()
	if err != nil {
		return nil, syscall.ECONNREFUSED // it is going down
	}
	c := newConn(l.Line, remote)
	c.codec, n.conn = n, c
	n.sent.Direction, n.heard.Direction = Up, Down
	return l.open(c)
}

// natsConn is the codec of one connection.
type natsConn struct {
	link        *NATSLink
	conn        *conn
	shaken      atomic.Bool // the handshake is over: the client has its first PONG
	ponged      bool        // the server has sent it
	fromClient  scanner
	fromServer  scanner
	sent, heard Frame
}

// refuses: the client shakes hands under a lock and would wait for ever.
func (n *natsConn) refuses(f Fault) bool { return !n.shaken.Load() && !f.flows() }

func (n *natsConn) clientSent(p []byte) { n.relay(p, &n.fromClient, &n.sent, n.conn.up) }

func (n *natsConn) serverSent(p []byte) {
	n.relay(p, &n.fromServer, &n.heard, n.conn.down)
	if n.ponged {
		// Only now, when the PONG is where nothing holds it any more.
		n.shaken.Store(true)
	}
}

// relay takes bytes as they come. Frames that pass go on in one piece.
func (n *natsConn) relay(p []byte, s *scanner, f *Frame, out *lane) {
	s.feed(p)
	for {
		ok, err := s.next(f)
		if err != nil {
			out.put(s.remaining())
			n.link.confused(n.conn, err)
			return
		}
		if !ok {
			break
		}
		c := n.judge(f)
		if c.passes() {
			continue
		}
		out.put(s.passed(f))
		n.carry(f, c, out)
	}
	out.put(s.remaining())
	s.keep()
}

// course is what is to be done with a frame.
type course struct {
	Verdict
	plan
	drop bool // without a word
}

func (c course) passes() bool { return !c.drop && c.Verdict.plain() && c.plan.empty() }

func (n *natsConn) judge(f *Frame) course {
	if f.Direction == Up {
		return n.judgeUp(f)
	}
	return n.judgeDown(f)
}

func (n *natsConn) judgeUp(f *Frame) course {
	var c course
	f.Class = classUp(f)
	if f.Op == Ping && n.conn.frozen.Load() {
		n.conn.down.slip([]byte("PONG\r\n"))
		return course{drop: true}
	}
	if f.Class.counted() {
		f.Call, c.plan = n.link.counter.next(f.changes())
	}
	c.Verdict = n.ask(f)
	c.Lose = c.Lose || f.isMessage() && n.conn.lostUp.Load()
	asks := len(f.reply) > 0 && f.Class != PullRequest && f.Class != FlowControl
	if f.Call > 0 || asks {
		subject := f.Subject()
		if f.Call > 0 {
			n.link.counter.write(entry{call: f.Call, link: n.link.name, what: f.Class.String(), on: subject, verdict: c.Verdict})
		}
		if asks && !c.Lose {
			n.link.answers.expect(f.Reply(), &Request{
				Call: f.Call, Class: f.Class, Subject: subject,
				fate: c.Answer, cut: c.Cut == Answering, steps: c.answering,
			})
		}
	}
	if c.Cut == Answering {
		c.Cut = Never // that comes with the answer
	}
	c.Answer, c.answering = Fate{}, nil
	return c
}

func (n *natsConn) judgeDown(f *Frame) course {
	var c course
	f.Class = classDown(f)
	n.ponged = n.ponged || f.Op == Pong
	if f.isMessage() && f.Class != Delivery {
		if f.Request = n.link.answers.take(f.subject); f.Request != nil {
			f.Class = Answer
		}
	}
	c.Verdict = n.ask(f)
	if r := f.Request; r != nil {
		c.before = r.steps
		c.Lose = c.Lose || r.fate.Lose
		c.Delay = max(c.Delay, r.fate.Delay)
		if r.cut {
			c.Cut = Before
		}
	}
	c.Answer = Fate{}
	c.Lose = c.Lose || f.isMessage() && n.conn.lostDown.Load()
	return c
}

func (n *natsConn) ask(f *Frame) Verdict {
	p := n.link.policy.Load()
	if p == nil {
		return Verdict{}
	}
	v := (*p)(f)
	if !f.isMessage() {
		v = Verdict{Cut: v.Cut} // else the connection would be out of step
	}
	return v
}

// carry does what was decided about one frame.
func (n *natsConn) carry(f *Frame, c course, out *lane) {
	do(c.before)
	switch {
	case c.drop:
		return
	case c.Cut == Before:
		n.conn.cut(false)
		return
	}
	raw := f.raw
	if c.Replace != nil {
		raw = c.Replace.encode(f.Direction, f.sid)
	}
	switch {
	case c.Lose:
	case c.Delay > 0:
		way, late := f.Direction, bytes.Clone(raw) // the frame is used again
		time.AfterFunc(c.Delay, func() { n.late(way, late) })
	default:
		out.put(raw)
	}
	do(c.after)
	if c.Cut != Never && f.Direction == Up {
		n.conn.cut(false)
	}
	if c.Cut != Never && f.Direction == Down {
		n.conn.down.end() // the client hears this one, and then the end
		n.conn.finish(false)
	}
}

// late sends a frame that was delayed, if it still can be.
func (n *natsConn) late(way Direction, raw []byte) {
	switch {
	case way == Up && !n.conn.lostUp.Load():
		n.conn.up.put(raw)
	case way == Down && !n.conn.lostDown.Load():
		n.conn.down.put(raw)
	}
}
