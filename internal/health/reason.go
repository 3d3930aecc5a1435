package health

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/broker"
)

// Reason is one thing that is wrong.
type Reason struct {
	// Code is one word for machines. Codes of streams and consumers are "stream_" and
	// "consumer_" with the problem behind it.
	Code string `json:"code"`
	// Stream, Consumer and Loop name what is meant, where the code is about one.
	Stream   string `json:"stream,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	Loop     string `json:"loop,omitempty"`
	// Cause says why a stream is unwritable: no_room, no_leader, no_answer or refused.
	Cause string `json:"cause,omitempty"`
	// Since is when it was first seen; absent where that is not known.
	Since time.Time `json:"since,omitzero"`
	// Text says it in words.
	Text string `json:"text"`
}

// stuck is what only a new process helps.
func stuck(s State) []Reason {
	reasons := []Reason{}
	if s.Stopping {
		return reasons
	}
	if s.Watch.Overdue {
		reasons = append(reasons, Reason{Code: "watch_stuck", Since: second(s.Watch.Looked), Text: "the watch over streams and consumers does not come round any more"})
	}
	for _, l := range s.Loops {
		if l.Stuck {
			reasons = append(reasons, Reason{Code: "loop_stuck", Loop: l.Name, Text: "this loop does not ask for messages any more"})
		}
	}
	return reasons
}

// unready is why the worker can't do its work, or not all of it. Without a connection
// nothing else is known.
func unready(s State) []Reason {
	switch {
	case s.Stopping:
		return []Reason{{Code: "stopping", Text: "the worker stops: it finishes what it has in hand and takes nothing new"}}
	case !s.Connected:
		return []Reason{{Code: "broker_unreachable", Text: "there is no connection to the broker: it is down, or the network between is; the worker goes on trying"}}
	}
	reasons := stuck(s)
	if s.Watch.Looked.IsZero() {
		reasons = append(reasons, Reason{Code: "starting", Text: "the worker has not looked at its streams and consumers yet"})
	}
	for _, t := range s.Watch.Troubles {
		reasons = append(reasons, reasonOf(t))
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Consumer, b.Consumer))
	})
	return reasons
}

// reasonOf leaves a trouble's detail out: it holds what a server said.
func reasonOf(t broker.Trouble) Reason {
	what, kind := "stream", streamWords()
	if t.Consumer != "" {
		what, kind = "consumer", consumerWords()
	}
	text := kind[t.Problem]
	if t.Problem == broker.ProblemUnwritable {
		text = causeWords()[t.Cause]
	}
	if text == "" {
		text = "something is wrong with it; the log says more"
	}
	return Reason{
		Code: what + "_" + string(t.Problem), Stream: t.Stream, Consumer: t.Consumer, Cause: string(t.Cause), Since: second(t.Since), Text: text,
	}
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func streamWords() map[broker.Problem]string {
	return map[broker.Problem]string{
		broker.ProblemMissing:    "the stream does not exist; the worker makes it again, without what it held",
		broker.ProblemUnreadable: "the broker can't be asked about the stream: no leader, or no answer in time",
		broker.ProblemSettings:   "somebody changed the stream's settings to what the worker can't work with; the log names them",
	}
}

func causeWords() map[broker.Cause]string {
	return map[broker.Cause]string{
		broker.CauseNoRoom:   "the stream takes nothing: the disk, the broker's store, the account's or the stream's own limit is full; make room, the worker goes on by itself",
		broker.CauseNoLeader: "the stream takes nothing: it has no leader, because too few servers of the cluster are up or one is being elected",
		broker.CauseNoAnswer: "the stream takes nothing: the broker does not acknowledge in time",
		broker.CauseRefused:  "the stream refuses what is published: its settings or the permissions of the worker's user are not as they must be; the log says more",
	}
}

func consumerWords() map[broker.Problem]string {
	return map[broker.Problem]string{
		broker.ProblemMissing:    "the consumer does not exist; the worker makes it again",
		broker.ProblemNotOurs:    "another consumer has the name of ours; the worker makes it anew",
		broker.ProblemMisplaced:  "the consumer would skip or repeat messages; the worker makes it anew where it stood",
		broker.ProblemAhead:      "the consumer stands behind the end of its stream; the worker makes it anew",
		broker.ProblemStalled:    "the consumer gives no messages though some lie there for it; the worker makes it anew",
		broker.ProblemPaused:     "somebody paused the consumer; it goes on when its pause ends or is taken back",
		broker.ProblemBlocked:    "the consumer can't be made: others that are not ours stand in its way; the log names them",
		broker.ProblemUnreadable: "the broker can't be asked about the consumer: no leader, or no answer in time",
		broker.ProblemSettings:   "a consumer that is not ours takes timers out of the stream; remove it, the log says how",
	}
}
