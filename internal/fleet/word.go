package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
)

// wordSchema is the version of a word. Version 1 is what word shows.
const wordSchema = 1

// word is what a provider has told one worker, said to the others at once, on the
// account's subject. Nobody stores it: it gets through while the bucket has no
// leader, or is slow to sync. What it says, the record says too, for those
// who come later.
type word struct {
	Schema         int       `json:"schema"`
	ThrottledUntil time.Time `json:"throttled_until"`
}

// parseWord reads a word. One of a newer worker is an error like any other: its
// record comes, too.
func parseWord(body []byte) (word, error) {
	var w word
	if err := json.Unmarshal(body, &w); err != nil {
		return word{}, fmt.Errorf("read what another worker was told: %w", err)
	}
	if w.Schema != wordSchema {
		return word{}, fmt.Errorf("read what another worker was told: schema is %d, wanted %d", w.Schema, wordSchema)
	}
	return w, nil
}

// mostWords is how many words may wait for their reader. What does not fit is
// dropped, and the record tells it.
const mostWords = 1024

// attend lets this worker hear words from now on. Whatever is asked on the same connection
// later is answered when the server knows.
func (f *Fleet) attend() error {
	f.words = make(chan *nats.Msg, mostWords)
	var err error
	f.hearing, err = f.broker.Conn().ChanSubscribe(broker.FilterWaits, f.words)
	return err
}

// converse says to the others at once what a provider told this worker, and
// hears what it told them, until ctx ends.
func (f *Fleet) converse(ctx context.Context) {
	defer func() { _ = f.hearing.Unsubscribe() }()
	for {
		select {
		case msg := <-f.words:
			f.listen(msg)
		case <-f.unsaid:
			f.speak()
		case <-ctx.Done():
			return
		}
	}
}

// listen makes a guard wait as another worker was told to.
func (f *Fleet) listen(msg *nats.Msg) {
	token, _ := strings.CutPrefix(msg.Subject, strings.TrimSuffix(broker.FilterWaits, ">"))
	a := f.accounts[accountKeys+token]
	w, err := parseWord(msg.Data)
	if a == nil || err != nil {
		return
	}
	// Cut as the guard cuts it: an absurd instant must not outdo all that follow.
	now, until := time.Now(), w.ThrottledUntil
	if longest := now.Add(guard.LongestThrottle); until.After(longest) {
		until = longest
	}
	if until.After(a.said) && until.After(now) {
		a.said = until
		a.heardUntil.Store(until.UnixNano())
	}
	a.guard.Throttle(until)
}

// speak says what the others have not heard yet.
func (f *Fleet) speak() {
	for _, a := range f.accounts {
		until := a.guard.Standing().ThrottledUntil
		if !until.After(a.said) || !until.After(time.Now()) {
			continue
		}
		if err := f.say(a, until); err != nil {
			f.log.Debug().Err(err).Str("account", a.name).Msg("what a provider told could not be said at once")
			continue
		}
		a.said = until
	}
}

func (f *Fleet) say(a *account, until time.Time) error {
	body, err := json.Marshal(word{Schema: wordSchema, ThrottledUntil: until.UTC()})
	if err != nil {
		return err
	}
	return f.broker.Conn().Publish(broker.WaitSubject(a.name), body)
}
