package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// version is major, minor, patch; a pre-release counts as the one before it.
type version [3]int

func (v version) less(other version) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] < other[i]
		}
	}
	return false
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// What nats-server's release notes and issues say about each floor. Two lines of
// versions go on side by side: 2.14.0 to 2.14.2 lack what 2.12.12 has.
func versionNeeded() version   { return version{2, 12, 12} } // schedules are lost or corrupted by faults fixed here (8085, 8269, 7593)
func versionNextLine() version { return version{2, 14, 3} }  // the same for what came after 2.12 (8265, 8269)
func versionWanted() version   { return version{2, 15, 2} }  // acknowledged writes can go with the power before (8447, 8475, 8456)
func versionPacked() version   { return version{2, 14, 4} }  // compressed blocks are corrupted before (8312, 8239)

// CheckVersion judges a nats-server version: an error (VersionError) if it is
// too old to work with or can't be read, a warning with the reason if a newer
// one should be used, else neither.
func CheckVersion(found string) (warning string, err error) {
	v, ok := parseVersion(found)
	needed := versionNeeded()
	if !v.less(version{2, 13, 0}) {
		needed = versionNextLine()
	}
	if !ok || v.less(needed) {
		return "", &VersionError{Found: found, Needed: needed.String()}
	}
	if !v.less(versionWanted()) {
		return "", nil
	}
	reason := "fsync has holes in this version, so that acknowledged writes can be lost with the power (nats-server issues 8447, 8456, 8475)"
	if v.less(versionPacked()) {
		reason += ", and scheduled and compressed messages have known faults (8135, 8312)"
	}
	return fmt.Sprintf("nats-server %s or newer should be used: %s", versionWanted(), reason), nil
}

func parseVersion(s string) (version, bool) {
	core, pre, isPre := strings.Cut(strings.TrimPrefix(s, "v"), "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	if len(parts) != 3 || isPre && pre == "" {
		return version{}, false
	}
	var v version
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return version{}, false
		}
		v[i] = int(n)
	}
	if isPre {
		v[2]-- // 2.15.2-beta.1 lacks what 2.15.2 was released with; -1 sorts below any patch
	}
	return v, true
}

// strictProbe is a field no request has: a strict server refuses the request
// that carries it, a lax one answers it.
const strictProbe = "reconciler_asks_whether_you_are_strict"

// checkStrict refuses a server that accepts malformed API requests: there, a
// publisher can make JetStream send its acknowledgement to the purge API, which
// takes it for a request and empties a stream.
func (b *Broker) checkStrict(ctx context.Context) error {
	err := b.api(ctx, "STREAM.NAMES", map[string]bool{strictProbe: true}, nil)
	if err == nil {
		return ErrNotStrict
	}
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == codeInvalidJSON {
		return nil
	}
	return fmt.Errorf("ask whether JetStream is strict: %w", err)
}
