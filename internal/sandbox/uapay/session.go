package uapay

import (
	"strconv"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/wire"
)

// sessionLife is how long a session lives; no document says.
const sessionLife = 30 * time.Minute

// session is one client session.
type session struct {
	issued, expires time.Time
	// uses is how many more requests it serves; below 0: no limit.
	uses int
}

// createSession serves sessions/create. Sessions made before stay valid unless
// there may be only one.
func (s *Simulator) createSession(r desk.Request, params map[string]string) desk.Answer {
	if params["clientId"] != s.ClientID || r.AccountRefused() {
		a := fieldError("clientId", "NOT_FOUND")
		a.Credential = true
		return a
	}
	s.mu.Lock()
	s.issued++
	count := strconv.Itoa(s.issued)
	id := dice.UUID(s.Seed, "uapay session", count)
	one := &session{issued: r.At, expires: r.At.Add(sessionLife), uses: -1}
	if s.Rough {
		one.uses = int(dice.Between(40, 120, s.Seed, "uapay session uses", count))
	}
	for old, its := range s.sessions {
		if s.OneSession || !r.At.Before(its.expires) || its.uses == 0 {
			delete(s.sessions, old)
		}
	}
	s.sessions[id] = one
	even := s.issued%2 == 0
	s.mu.Unlock()

	a := s.wrap(r, wire.Object{{Key: "id", Value: id}}, even)
	a.Credential = true
	return a
}

// use spends one request of a session; false: it is not (or no longer) valid.
func (s *Simulator) use(id string, r desk.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.sessions[id]
	if one == nil || !r.At.Before(one.expires) || one.uses == 0 || r.Expelled(one.issued) || r.AccountRefused() {
		return false
	}
	if one.uses > 0 {
		one.uses--
	}
	return true
}
