package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// SharedError says that an endpoint made at run time has the id of one of the
// configuration, which is the one that is used.
type SharedError struct{ Merchant, ID string }

// Error names both.
func (e *SharedError) Error() string {
	return fmt.Sprintf("endpoint %q of merchant %q stands in the configuration (endpoints) and in the bucket %s (made at run time): "+
		"the configuration's is used; remove one of the two", e.ID, e.Merchant, Bucket)
}

// hear reads a value into k and gives the merchant whose endpoints may be others
// now. Only one goroutine calls it, New's and then Run's, and it alone writes
// l.known.documents: so it reads them without the lock.
func (l *Live) hear(k known, key string, value []byte, revision uint64) (merchant string) {
	of, err := parseKey(key)
	switch {
	case err != nil:
		return ""
	case of.id == "":
		l.hearDocument(k, of.merchant, value, revision)
	default:
		l.hearState(k, of, value, revision)
	}
	return of.merchant
}

func (l *Live) hearState(k known, of name, value []byte, revision uint64) {
	if revision <= k.states[of].revision {
		return
	}
	is := held{revision: revision}
	if value != nil {
		var err error
		if is.State, err = parseState(value); err != nil {
			l.log.Warn().Err(err).Str("merchant", of.merchant).Str("endpoint", of.id).Msg("the state of an endpoint can't be read")
		}
	}
	k.states[of] = is
}

func (l *Live) hearDocument(k known, merchant string, value []byte, revision uint64) {
	if revision <= k.documents[merchant].revision || l.store.sealer == nil {
		return
	}
	if value == nil { // removed: remembered as empty, so that nothing older comes back
		k.documents[merchant] = document{revision: revision}
		return
	}
	news := revision != l.known.documents[merchant].revision // else it was said when it was first read
	d, err := parseDocument(merchant, value)
	if err != nil {
		// What was known before is used on.
		line := l.log.Error().Bool("alarm", true)
		if errors.Is(err, ErrNewer) {
			line = l.log.Warn()
		}
		line.Err(err).Str("event", "endpoints.unreadable").Str("merchant", merchant).Msg("the endpoints of a merchant can't be read")
		if before, ok := l.known.documents[merchant]; ok {
			before.revision = revision
			k.documents[merchant] = before
		}
		return
	}
	made := document{revision: revision}
	for _, r := range d.Endpoints {
		phases, err := l.store.opener.open(merchant, r, time.Now())
		if slices.ContainsFunc(l.configured[merchant], func(e *entry) bool { return e.id == r.ID }) {
			err = &SharedError{Merchant: merchant, ID: r.ID}
		}
		if err != nil && news {
			l.log.Error().Err(err).Str("event", "endpoint.unusable").Str("merchant", merchant).Str("endpoint", r.ID).Bool("alarm", true).
				Msg("an endpoint made at run time can't be used; what it misses is kept as skipped")
		}
		made.entries = append(made.entries, &entry{id: r.ID, phases: phases})
	}
	k.documents[merchant] = made
}
