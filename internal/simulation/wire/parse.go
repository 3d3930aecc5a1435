package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// Bounds far above what client and server send; beyond them bytes are no frames.
const (
	maxLine    = 1 << 20
	maxPayload = 64 << 20
)

var (
	errLong      = errors.New("a NATS operation without end")
	errOperation = errors.New("no NATS operation")
	errFields    = errors.New("a NATS operation with a wrong number of fields")
	errSize      = errors.New("a NATS message whose size is no number, or out of bounds")
	errEnd       = errors.New("a NATS message that does not end where it says")
)

// scanner cuts a stream of bytes into frames, however the bytes come in. Frames
// are views of what was fed.
type scanner struct {
	rest []byte // an unfinished frame, copied
	data []byte // what is being looked at: what was fed, after rest
	from int    // where what nobody took begins
	at   int    // where the next frame begins
	need int    // how long rest must be before it is worth looking at; 0: not known
}

func (s *scanner) feed(p []byte) {
	s.from, s.at = 0, 0
	if len(s.rest) == 0 {
		s.data = p
		return
	}
	s.rest = append(s.rest, p...)
	s.data = s.rest
}

// next reads the next whole frame into f; false if there is none.
func (s *scanner) next(f *Frame) (bool, error) {
	data := s.data[s.at:]
	if len(data) < s.need || len(data) == 0 {
		return false, nil
	}
	s.need = 0
	length, err := parse(data, f)
	if err != nil {
		return false, err
	}
	if length > len(data) {
		s.need = length
		return false, nil
	}
	if length == 0 {
		return false, nil
	}
	s.at += length
	return true, nil
}

// passed gives the bytes before frame f that were not taken yet, and takes them and f.
func (s *scanner) passed(f *Frame) []byte {
	run := s.data[s.from : s.at-len(f.raw)]
	s.from = s.at
	return run
}

// remaining gives the whole frames that were not taken yet, and keeps the
// unfinished one for the next feed.
func (s *scanner) remaining() []byte {
	run := s.data[s.from:s.at]
	s.from = s.at
	return run
}

// keep must be called when all frames are read and what remaining gave is used.
func (s *scanner) keep() {
	unfinished := s.data[s.at:]
	if cap(s.rest) > largest && len(unfinished) == 0 {
		s.rest = nil
	}
	s.rest = append(s.rest[:0], unfinished...)
	s.data = nil
}

// parse reads the frame that data begins with. It gives its length; one beyond
// data if that is known and more is needed, 0 if it is not.
func parse(data []byte, f *Frame) (int, error) {
	newline := bytes.IndexByte(data, '\n')
	if newline > maxLine || newline < 0 && len(data) > maxLine {
		return 0, errLong
	}
	if newline < 0 {
		return 0, nil
	}
	line := bytes.TrimSuffix(data[:newline], []byte("\r"))
	name := line
	if space := bytes.IndexAny(line, " \t"); space >= 0 {
		name = line[:space]
	}
	op, ok := operation(name)
	if !ok {
		return 0, errOperation
	}
	*f = Frame{Direction: f.Direction, Op: op}
	if !f.isMessage() {
		f.raw = data[:newline+1]
		return newline + 1, f.parseShort(line[len(name):])
	}
	header, total, err := f.parseMessage(line[len(name):])
	if err != nil {
		return 0, err
	}
	length := newline + 1 + total + 2
	if length > len(data) {
		return length, nil
	}
	body := data[newline+1 : length]
	if body[total] != '\r' || body[total+1] != '\n' {
		return 0, errEnd
	}
	f.raw, f.header, f.payload = data[:length], body[:header], body[header:total]
	return length, nil
}

// parseShort reads the fields of an operation without payload.
func (f *Frame) parseShort(rest []byte) error {
	if f.Op != Sub && f.Op != Unsub {
		return nil
	}
	var fields [4][]byte
	n := split(rest, &fields)
	switch {
	case f.Op == Sub && n == 2: // subject, id
		f.subject, f.sid = fields[0], fields[1]
	case f.Op == Sub && n == 3: // subject, queue, id
		f.subject, f.sid = fields[0], fields[2]
	case f.Op == Unsub && (n == 1 || n == 2): // id, number of messages
		f.sid = fields[0]
	default:
		return fmt.Errorf("%s: %w", f.Op, errFields)
	}
	return nil
}

// parseMessage reads a message's fields: subject, on the way down the
// subscription's id, perhaps the reply subject, with a header its length, the
// length of all.
func (f *Frame) parseMessage(rest []byte) (header, total int, err error) {
	var fields [5][]byte
	n := split(rest, &fields)
	least := 2
	if f.Op == Msg || f.Op == HMsg {
		least++
	}
	withHeader := f.Op == HPub || f.Op == HMsg
	if withHeader {
		least++
	}
	if n != least && n != least+1 {
		return 0, 0, fmt.Errorf("%s: %w", f.Op, errFields)
	}
	f.subject = fields[0]
	next := 1
	if f.Op == Msg || f.Op == HMsg {
		f.sid = fields[1]
		next++
	}
	if n == least+1 {
		f.reply = fields[next]
	}
	total, ok := number(fields[n-1])
	if ok && withHeader {
		header, ok = number(fields[n-2])
	}
	if !ok || header > total {
		return 0, 0, fmt.Errorf("%s: %w", f.Op, errSize)
	}
	return header, total, nil
}

// split cuts at white space and gives the number of fields, at most one more
// than there is room for.
func split[A [4][]byte | [5][]byte](rest []byte, fields *A) int {
	n := 0
	for i := 0; i < len(rest); {
		for i < len(rest) && (rest[i] == ' ' || rest[i] == '\t') {
			i++
		}
		start := i
		for i < len(rest) && rest[i] != ' ' && rest[i] != '\t' {
			i++
		}
		if i == start {
			break
		}
		if n == len(*fields) {
			return n + 1
		}
		(*fields)[n] = rest[start:i]
		n++
	}
	return n
}

func number(digits []byte) (int, bool) {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' || n > maxPayload {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, len(digits) > 0 && n <= maxPayload
}

func operation(name []byte) (Op, bool) {
	switch string(name) {
	case "INFO":
		return Info, true
	case "CONNECT":
		return Connect, true
	case "PING":
		return Ping, true
	case "PONG":
		return Pong, true
	case "PUB":
		return Pub, true
	case "HPUB":
		return HPub, true
	case "SUB":
		return Sub, true
	case "UNSUB":
		return Unsub, true
	case "MSG":
		return Msg, true
	case "HMSG":
		return HMsg, true
	case "+OK":
		return OK, true
	case "-ERR":
		return Err, true
	}
	if upper := bytes.ToUpper(name); !bytes.Equal(upper, name) { // the protocol does not care
		return operation(upper)
	}
	return 0, false
}
