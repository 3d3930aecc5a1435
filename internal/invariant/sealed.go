package invariant

import (
	"bytes"
	"encoding/json"
)

// judgeSealed judges the second half of rule 9: no secret and no personal datum
// is in any stream. A dead letter of the intake holds what upstream sent,
// whole, and upstream's own stream is not ours: both are exempt.
func (j *judge) judgeSealed() {
	s := newScanner(j.h.Sealed)
	for _, e := range j.h.Events {
		j.sealed(s, key{e.Merchant, e.Payment}, e.Body, "an event")
	}
	for _, p := range j.h.Pending {
		j.sealed(s, key{p.Merchant, p.Payment}, p.Body, "a pending "+p.Kind)
	}
	for _, a := range j.h.Attempts {
		j.sealed(s, key{a.Merchant, a.Payment}, a.Body, "a record of the webhook log")
	}
	for _, d := range j.h.Dead {
		if d.Stage != StageIntake {
			j.sealed(s, key{d.Merchant, d.Payment}, d.Body, "a dead letter")
		}
	}
}

func (j *judge) sealed(s scanner, k key, body []byte, where string) {
	if n, ok := s.find(body); ok {
		j.fault(9, k, "sealed string number %d is in %s", n+1, where)
	}
}

// scanner looks for any of many strings in one pass: a history may hold as many
// markers as payments.
type scanner struct {
	// starts has a mark for each two bytes that a needle begins with.
	starts  []bool
	needles map[[2]byte][]needle
}

type needle struct {
	text   []byte
	number int
}

func newScanner(sealed []string) scanner {
	s := scanner{starts: make([]bool, 1<<16), needles: map[[2]byte][]needle{}}
	for i, text := range sealed {
		s.add([]byte(text), i)
		// As JSON writes it, where that is not the text itself.
		if quoted, err := json.Marshal(text); err == nil && string(quoted[1:len(quoted)-1]) != text {
			s.add(quoted[1:len(quoted)-1], i)
		}
	}
	return s
}

// add leaves out what is under two bytes: that is in everything.
func (s scanner) add(text []byte, number int) {
	if len(text) < 2 {
		return
	}
	start := [2]byte(text)
	s.starts[int(start[0])<<8|int(start[1])] = true
	s.needles[start] = append(s.needles[start], needle{text, number})
}

func (s scanner) find(body []byte) (number int, ok bool) {
	for i := 0; i+1 < len(body); i++ {
		if !s.starts[int(body[i])<<8|int(body[i+1])] {
			continue
		}
		for _, n := range s.needles[[2]byte(body[i:i+2])] {
			if bytes.HasPrefix(body[i:], n.text) {
				return n.number, true
			}
		}
	}
	return 0, false
}
