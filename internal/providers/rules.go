package providers

import (
	"strings"

	"reconciler/internal/payment"
)

// Rule is one line of a provider's status table, with the case in which it
// holds. F is what an answer says beside its word.
type Rule[F any] struct {
	Row
	// Reason goes with Status; empty where the status has none, or where a code
	// beside the word tells it.
	Reason payment.Reason
	// When is nil where the word alone decides.
	When func(F) bool
}

// Rules is a provider's status table. Words are compared as they are: the
// adapter brings them into the table's spelling first.
type Rules[F any] []Rule[F]

// Find gives the first rule about the word that holds; so the order counts where
// a word has several. False: the table does not say.
func (rs Rules[F]) Find(field, word string, f F) (Rule[F], bool) {
	for _, r := range rs {
		if r.Field == field && r.Raw == word && (r.When == nil || r.When(f)) {
			return r, true
		}
	}
	return Rule[F]{}, false
}

// Knows reports whether any rule is about the word.
func (rs Rules[F]) Knows(field, word string) bool {
	for _, r := range rs {
		if r.Field == field && r.Raw == word {
			return true
		}
	}
	return false
}

// Line gives the row itself, for whatever it is embedded in; see Lines.
func (r Row) Line() Row { return r }

// Lines is the visible part of a table whose entries hold a Row and more: a copy
// that callers may change.
func Lines[R interface{ Line() Row }](table []R) []Row {
	rows := make([]Row, len(table))
	for i, r := range table {
		rows[i] = r.Line()
	}
	return rows
}

// PlainWord trims a word and brings it to upper case in ASCII, for providers
// whose documents write CHARGE and Charge. Other letters stay: what a document
// spells with them is another word.
func PlainWord(raw string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, strings.TrimSpace(raw))
}
