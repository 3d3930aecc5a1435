package providertest

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// shows is a provider that has a profile and nothing else.
type shows struct {
	providers.Provider
	profile providers.Profile
	shared  bool
}

func (s shows) Profile() providers.Profile {
	p := s.profile
	if !s.shared {
		p.Table = slices.Clone(p.Table)
	}
	return p
}

func TestCheckProfile_FindsWhatNobodyCouldReadOrRelyOn(t *testing.T) {
	rows := []struct {
		name   string
		change func(*shows)
		want   string
	}{
		{"as it should be", func(*shows) {}, ""},
		{"another name", func(s *shows) { s.profile.Name = "acme2" }, "profile of acme"},
		{"no floor", func(s *shows) { s.profile.Floor = 0 }, "profile of acme"},
		{"a version of nobody", func(s *shows) { s.profile.MappingVersion = "1" }, "profile of acme"},
		{"no raw word", func(s *shows) { s.profile.Table[0].Raw = "" }, "not whole"},
		{"no field", func(s *shows) { s.profile.Table[0].Field = "" }, "not whole"},
		{"no words", func(s *shows) { s.profile.Table[0].Words = "" }, "not whole"},
		{"blank words", func(s *shows) { s.profile.Table[0].Words = " " }, "not whole"},
		{"no mark", func(s *shows) { s.profile.Table[0].Mark = "" }, "not whole"},
		{"another mark", func(s *shows) { s.profile.Table[0].Mark = "probably" }, "not whole"},
		{"neither status nor kind", func(s *shows) { s.profile.Table[0].Status = "" }, "must name a status or a kind"},
		{"both", func(s *shows) { s.profile.Table[0].Kind = providers.NotFound }, "must name a status or a kind"},
		{"another status", func(s *shows) { s.profile.Table[0].Status = "paid" }, "must name a status or a kind"},
		{"another kind", func(s *shows) { s.profile.Table[1].Kind = 99 }, "must name a status or a kind"},
		{"a status that is ours to give", func(s *shows) { s.profile.Table[0].Status = payment.Unknown }, "no provider says"},
		{"a row twice", func(s *shows) { s.profile.Table = append(s.profile.Table, s.profile.Table[0]) }, "is there twice"},
		{"one case with two meanings", func(s *shows) {
			again := s.profile.Table[0]
			again.Status, again.Words = payment.Processing, "with the bank"
			s.profile.Table = append(s.profile.Table, again)
		}, "is there twice"},
		{"two cases", func(s *shows) {
			again := s.profile.Table[0]
			again.Case = "the amount is 0"
			s.profile.Table = append(s.profile.Table, again)
		}, ""},
		{"no rows", func(s *shows) { s.profile.Table = nil }, "empty"},
		{"a table that callers share", func(s *shows) { s.shared = true }, "a caller can change the table"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := shows{profile: providers.Profile{Name: "acme", Floor: time.Second, MappingVersion: "acme/1", Table: []providers.Row{
				{Field: "$.state", Raw: "paid", Status: payment.Succeeded, Words: "final", Mark: "documented"},
				{Field: "$.error", Raw: "404", Kind: providers.NotFound, Words: "unknown order", Mark: "unconfirmed"},
			}}}
			row.change(&s)
			wantFailure(t, failuresOf(t, func(t testing.TB) { CheckProfile(t, s, "acme") }), row.want)
		})
	}
}
