package fault

import (
	"slices"

	"reconciler/internal/sandbox/dice"
)

// What a hostile answer is. Each stands in the place of the right one, in time
// and with a whole connection, and says nothing about the payment that a client
// may believe. Where one can't be made (a signature to break where nothing is
// signed), Page takes its place.
const (
	// Page: HTTP 200 with a login page.
	Page Kind = "html_page"
	// Blank: HTTP 200 with no body at all.
	Blank Kind = "blank"
	// Bare: HTTP 200 with an empty JSON object.
	Bare Kind = "bare_object"
	// Stump: the right answer without its second half, as a whole HTTP answer.
	Stump Kind = "stump"
	// Types: the right answer with every value in a list of its own.
	Types Kind = "wrong_types"
	// Doubled: every member of the right answer twice, the second time with the
	// value from another payment's answer.
	Doubled Kind = "doubled_keys"
	// Swapped: another payment's answer, whole and rightly signed.
	Swapped Kind = "swapped"
	// Forged: the right answer, signed with one letter of the signature changed.
	Forged Kind = "forged"
	// Oversize: the right answer behind 2 MiB of white space.
	Oversize Kind = "oversize"
	// Bomb: the right answer behind 16 MiB of white space, packed to 16 KiB.
	Bomb Kind = "gzip_bomb"
	// Elsewhere: HTTP 302, 307 or 308 to a server where no client of a provider
	// must ever arrive.
	Elsewhere Kind = "redirect_elsewhere"
)

// Anything is a Trouble in which every answer is one of the hostile kinds, in turn.
const Anything Kind = "hostile"

var hostileKinds = []Kind{Page, Blank, Bare, Stump, Types, Doubled, Swapped, Forged, Oversize, Bomb, Elsewhere}

// HostileKinds lists the hostile answers.
func HostileKinds() []Kind { return slices.Clone(hostileKinds) }

// Hostile reports whether the kind is an answer by somebody who means ill.
func (k Kind) Hostile() bool { return slices.Contains(hostileKinds, k) }

// nextHostile gives every kind in turn, from a place of the seed's: all of them
// come, whoever asks.
func (p *Plan) nextHostile(provider string) Kind {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hostile++
	first := dice.Roll(len(hostileKinds), p.seed, "hostile", provider)
	return hostileKinds[(first+p.hostile)%len(hostileKinds)]
}

// tooLarge kinds read as one and the same contradiction, and so may a status
// whose halves disagree for a moment. Several of them in a row are what a client
// rightly calls a person for, so a plan sends a payment only one.
func (k Kind) tooLarge() bool { return k == Oversize || k == Bomb }
