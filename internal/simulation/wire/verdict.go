package wire

import "time"

// Moment is a moment in the life of a call.
type Moment uint8

// The moments.
const (
	Never Moment = iota
	// Before the other side has anything of it.
	Before
	// After the other side has all of it; its answer is not heard.
	After
	// Answering is when the answer begins to arrive: the other side has done what
	// it does. A HTTP client has heard the first byte, a NATS client nothing. A
	// call without an answer does not come to it.
	Answering
)

// String names the moment.
func (m Moment) String() string {
	return [...]string{"never", "before", "after", "answering"}[m]
}

// Fate is what becomes of one frame, the others going on. The zero value lets it pass.
type Fate struct {
	// Lose drops it: whoever waits for it waits on.
	Lose bool
	// Delay holds back this frame alone. It is lost if its connection ends meanwhile.
	Delay time.Duration
}

// Verdict is what a policy says about a frame or a request. The zero value lets
// it pass.
type Verdict struct {
	// Fate is ignored for frames of Class Protocol.
	Fate
	// Cut ends the connection, both ways, at that moment.
	Cut Moment
	// Answer is what becomes of the answer, if this asks for one.
	Answer Fate
	// Replace, if set, goes out in place of a NATS message.
	Replace *Message
}

func (v Verdict) plain() bool {
	return !v.Lose && v.Delay <= 0 && v.Cut == Never && v.Answer == Fate{} && v.Replace == nil
}

// String says it for reports; "" if it passes.
func (v Verdict) String() string {
	text := ""
	add := func(is bool, s string) {
		if is && text != "" {
			text += ", "
		}
		if is {
			text += s
		}
	}
	add(v.Lose, "lost")
	add(v.Delay > 0, "delayed "+v.Delay.String())
	add(v.Replace != nil, "replaced")
	add(v.Cut != Never, "cut "+v.Cut.String())
	add(v.Answer.Lose, "answer lost")
	add(v.Answer.Delay > 0, "answer delayed "+v.Answer.Delay.String())
	return text
}
