package wire

// Flow is what becomes of the bytes that go one way while a fault lasts.
type Flow uint8

// The flows.
const (
	Open Flow = iota // they go on
	Held             // they wait and go out when the fault is healed
	Lost             // messages are lost, what keeps the connection in step is held
)

// Fault is what a link suffers for a time. The zero value is none.
type Fault struct {
	// Up is the way from the client to the server, Down the way back.
	Up, Down Flow
	// Refused lets no new connection through; those that are there go on.
	Refused bool
}

// Deaf lets the client send and hear nothing; what is sent to it is lost.
func Deaf() Fault { return Fault{Down: Lost} }

// Mute lets the client hear and say nothing; what it sends is lost.
func Mute() Fault { return Fault{Up: Lost} }

// Frozen holds everything both ways until it is healed: what a stopped process
// looks like from outside. The client's clock goes on, so a NATSLink answers its
// PINGs itself meanwhile: a process that stands still does not notice that it does.
// The server's PINGs stay unanswered, and it gives up the connection in its time.
func Frozen() Fault { return Fault{Up: Held, Down: Held} }

// Refused lets no new connection through.
func Refused() Fault { return Fault{Refused: true} }

func (f Fault) flows() bool { return f.Up == Open && f.Down == Open }

// String names the fault for reports.
func (f Fault) String() string {
	switch f {
	case Fault{}:
		return "healed"
	case Deaf():
		return "deaf"
	case Mute():
		return "mute"
	case Frozen():
		return "frozen"
	case Refused():
		return "refused"
	}
	names := [...]string{"open", "held", "lost"}
	text := "up " + names[f.Up] + ", down " + names[f.Down]
	if f.Refused {
		text += ", refused"
	}
	return text
}
