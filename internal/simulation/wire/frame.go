package wire

import "bytes"

// Direction is which way a frame goes.
type Direction uint8

// The directions.
const (
	Up   Direction = iota // from the client to the server
	Down                  // from the server to the client
)

// String names the direction.
func (d Direction) String() string { return [...]string{"up", "down"}[d] }

// Op is an operation of the NATS client protocol.
type Op uint8

// The operations (docs.nats.io, "NATS Protocol").
const (
	Info Op = iota
	Connect
	Ping
	Pong
	Pub
	HPub
	Sub
	Unsub
	Msg
	HMsg
	OK
	Err
)

// String is the operation's name on the wire.
func (o Op) String() string {
	return [...]string{"INFO", "CONNECT", "PING", "PONG", "PUB", "HPUB", "SUB", "UNSUB", "MSG", "HMSG", "+OK", "-ERR"}[o]
}

// Frame is one operation with its payload. It, and what its methods give but
// strings and messages, is valid only until the policy returns.
type Frame struct {
	Direction Direction
	Op        Op
	Class     Class
	// Call is the frame's number among the counted calls; 0 if it is not counted.
	Call int
	// Request is what a frame of Class Answer answers.
	Request *Request

	raw, subject, reply, sid, header, payload []byte
	parsed                                    Header
}

// Request is what is kept of a message that asks for an answer.
type Request struct {
	// Call is its number; 0 if it was not counted.
	Call    int
	Class   Class
	Subject string

	fate  Fate
	cut   bool
	steps []func()
}

// Subject of a message or subscription.
func (f *Frame) Subject() string { return string(f.subject) }

// Reply is where the answer goes to; "" if none is asked for.
func (f *Frame) Reply() string { return string(f.reply) }

// Size is the length of header and payload.
func (f *Frame) Size() int { return len(f.header) + len(f.payload) }

// Payload is the body of a message.
func (f *Frame) Payload() []byte { return f.payload }

// Header is the header of a message; empty if there is none or it can't be read.
func (f *Frame) Header() Header {
	if f.parsed == nil {
		_, f.parsed = parseHeader(f.header)
	}
	return f.parsed
}

// Status is what stands in a header's first line after the version, such as "503"
// or "409 Consumer Deleted"; "" for most messages.
func (f *Frame) Status() string {
	status, _ := parseHeader(f.header)
	return status
}

// AckKind is the word of an acknowledgement: "+ACK", "-NAK", "+WPI", "+TERM" or
// "+NXT"; "" for other frames. An empty body means +ACK.
func (f *Frame) AckKind() string {
	if f.Class != Ack {
		return ""
	}
	word, _, _ := bytes.Cut(f.payload, []byte(" "))
	if len(word) == 0 {
		return "+ACK"
	}
	return string(word)
}

// Message copies the frame's message, to be changed and put in its place.
func (f *Frame) Message() *Message {
	status, header := parseHeader(f.header)
	return &Message{
		Subject: f.Subject(), Reply: f.Reply(), Status: status, Header: header,
		Payload: bytes.Clone(f.payload),
	}
}

// isMessage tells what may be lost alone from what keeps a connection in step.
func (f *Frame) isMessage() bool {
	return f.Op == Pub || f.Op == HPub || f.Op == Msg || f.Op == HMsg
}
