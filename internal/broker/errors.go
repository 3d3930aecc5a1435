package broker

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound says that no such message is stored.
	ErrNotFound = errors.New("broker: no such message")
	// ErrJetStreamOff says that the server or the account has no JetStream.
	ErrJetStreamOff = errors.New("JetStream is off: set a jetstream block in the server's configuration (or start it with -js) and enable it for this account")
	// ErrNotStrict says that the server takes malformed API requests.
	ErrNotStrict = errors.New("JetStream is not strict: remove `strict: false` from the jetstream block of the server's configuration, it lets any publisher empty a stream")
)

// VersionError says that the server is too old, or of no known version.
type VersionError struct {
	Found, Needed string
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("nats-server %q is too old: %s or newer is needed, because scheduled messages are lost in older ones", e.Found, e.Needed)
}

// ConflictError says that something else is stored where the caller wanted to
// append or fire: read the state and decide again.
type ConflictError struct {
	// Key is the subject, or wildcard, whose last sequence was not the expected one.
	Key string
	// Expected is what the caller had seen; 0 means nothing.
	Expected uint64
}

// Error names no subject: it holds merchant and payment ids.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("broker: overtaken, the last sequence is no longer %d", e.Expected)
}

// Fault is one setting we can't work with.
type Fault struct {
	// Stream is the stream's name; Consumer is set when the fault is a consumer's.
	Stream, Consumer string
	Setting          string
	Found, Wanted    string
}

// String is one line: where, what, found, wanted.
func (f Fault) String() string {
	where := f.Stream
	if f.Consumer != "" {
		where += " consumer " + f.Consumer
	}
	return fmt.Sprintf("%s: %s is %s, wanted %s", where, f.Setting, f.Found, f.Wanted)
}

// SettingsError lists every setting of existing streams and consumers that we
// can't work with. Nothing has been changed or created when it is returned.
type SettingsError struct {
	Faults []Fault
}

// Error lists all faults, one per line.
func (e *SettingsError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return "streams have settings we can't work with:\n  " + strings.Join(lines, "\n  ")
}
