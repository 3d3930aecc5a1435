package invariant

import (
	"bytes"

	"reconciler/internal/payment"
)

// input is a created event and what became of it.
type input struct {
	Input
	created  payment.Created
	digest   string
	conflict bool // a dead letter calls it one
}

// judgeInputs judges rule 6 and the half of rule 1 that is about where payments
// come from.
func (j *judge) judgeInputs() {
	if j.h.Without.Created {
		return
	}
	dead := map[uint64][]Dead{}
	for _, d := range j.h.Dead {
		if d.Stage == StageIntake {
			dead[d.SourceSeq] = append(dead[d.SourceSeq], d)
		}
	}
	var order []key
	live := map[key][]input{}
	for _, in := range j.h.Created {
		n, ok := j.judgeInput(in, dead[in.Seq])
		if !ok {
			continue
		}
		k := key{n.created.MerchantID, n.created.PaymentID}
		if live[k] == nil {
			order = append(order, k)
		}
		live[k] = append(live[k], n)
	}
	for _, k := range order {
		j.judgeOrigin(k, live[k])
	}
	for _, r := range j.records {
		if live[r.key] == nil {
			j.fault(1, r.key, "has events but no valid created event")
		}
	}
}

// judgeInput judges one created event by itself; false: no payment comes of it.
func (j *judge) judgeInput(in Input, dead []Dead) (input, bool) {
	c, early, err := j.parse(in)
	k := key{c.MerchantID, c.PaymentID}
	n := input{Input: in, created: c}
	for _, d := range dead {
		j.judgeDeadInput(in, d, k)
		n.conflict = n.conflict || d.Reason == ReasonConflict
	}
	switch {
	case err != nil && len(dead) == 0 && j.h.Quiet:
		j.fault(6, k, "created event %d is invalid and no dead letter", in.Seq)
		return n, false
	case err != nil, early && len(dead) > 0:
		return n, false
	}
	n.digest = c.Digest()
	if j.h.Refuses == nil {
		return n, j.judgeValid(in, dead, k)
	}
	refused := j.h.Refuses(c)
	if refused == "" {
		return n, j.judgeValid(in, dead, k)
	}
	if j.h.Quiet && len(dead) == 0 {
		j.fault(6, k, "created event %d has to be a dead letter: %s", in.Seq, refused)
	}
	return n, false
}

// parse reads a created event as it was valid when it was stored. One that was
// only ahead of its time then may have become valid until a worker read it:
// with early, to take it and to refuse it are both right.
func (j *judge) parse(in Input) (c payment.Created, early bool, err error) {
	if c, err = payment.ParseCreated(in.Body, in.Time); err == nil {
		return c, false, nil
	}
	c, err = payment.ParseCreated(in.Body, j.h.Now)
	return c, true, err
}

// judgeDeadInput judges what every dead letter of a created event has to hold.
func (j *judge) judgeDeadInput(in Input, d Dead, k key) {
	if !bytes.Equal(d.Body, in.Body) {
		j.fault(6, k, "the dead letter of created event %d does not hold it whole", in.Seq)
	}
	if d.Reason == "" {
		j.fault(6, k, "the dead letter of created event %d has no reason", in.Seq)
	}
}

// judgeValid reports whether a payment has to come of a valid event: whether it
// is no dead letter, or one for a conflict. Whether an account refuses it can
// only be judged with Refuses.
func (j *judge) judgeValid(in Input, dead []Dead, k key) bool {
	lives := true
	for _, d := range dead {
		if d.Reason == ReasonConflict {
			continue
		}
		lives = false
		byAccount := d.Reason == ReasonUnknownProvider || d.Reason == ReasonInvalidReference
		if !byAccount || j.h.Refuses != nil {
			j.fault(6, k, "created event %d is valid but a dead letter: %s", in.Seq, d.Reason)
		}
	}
	return lives
}

// judgeOrigin judges that the created events of one identity led to one payment.
func (j *judge) judgeOrigin(k key, inputs []input) {
	r := j.payments[k]
	if r == nil {
		if j.h.Quiet {
			j.fault(1, k, "created event %d led to no payment", inputs[0].Seq)
		}
		return
	}
	origin, ok := findOrigin(r.entries[0], inputs)
	if !ok {
		j.fault(1, k, "is not the payment that was created")
		return
	}
	for _, in := range inputs {
		switch {
		case in.digest == origin && in.conflict:
			j.fault(6, k, "created event %d says the same as the payment but is a dead letter: conflict", in.Seq)
		case in.digest != origin && !in.conflict && j.h.Quiet:
			j.fault(1, k, "created event %d says something else than the payment and is no dead letter", in.Seq)
		}
	}
}

// findOrigin finds the content that became the payment. Which of two conflicting
// events wins is open: workers may race.
func findOrigin(first *entry, inputs []input) (digest string, ok bool) {
	for _, in := range inputs {
		if !begins(first, in) {
			continue
		}
		if !in.conflict {
			return in.digest, true
		}
		digest, ok = in.digest, true
	}
	return digest, ok
}

// begins reports whether the payment's first event may come of the input. What
// the event does not tell (the reference) only the digest decides.
func begins(first *entry, in input) bool {
	if first.Digest != "" && first.Digest != in.digest {
		return false
	}
	d, c := first.data, in.created
	return d.Account == c.Account && d.Expected == c.Expected && bytes.Equal(d.Metadata, c.Metadata)
}
