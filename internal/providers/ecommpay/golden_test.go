package ecommpay

import (
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// account is what a golden case says of the project.
type account struct {
	ProjectID        int64 `json:"project_id"`
	TwoStage         bool  `json:"two_stage"`
	AmountUnverified bool  `json:"amount_unverified"`
}

func (a account) apply(c *Config) {
	c.ProjectID, c.TwoStage, c.AmountUnverified = a.ProjectID, a.TwoStage, a.AmountUnverified
	if c.ProjectID == 0 {
		c.ProjectID = testProject
	}
}

func goldens(t testing.TB) []providertest.Golden[account] {
	t.Helper()
	return providertest.Goldens[account](t, 86)
}

func TestPoll_ReadsGoldenAnswersOverHTTP(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			server := &fake{reply: g.Reply()}
			got, err := providertest.Poll(t, overHTTP(t, server, g.Case.apply), g.Query())
			g.Check(t, mappingVersion, got, err)
			if len(server.paths) != 1 {
				t.Errorf("asked %v", server.paths)
			}
		})
	}
}

// personal are values of the samples that must never leave the adapter.
var personal = []string{
	"6361696170", "4314220000000056", "Michael Nurenberg", "2024", "7213535217", "2015611", "Scott", "44177118324",
	"20072017", "otokarczuk@gmail.com", "1024514", "Booking", "Book premium", "Flights", "c-1", "mTELE2",
}

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), personal, func(g providertest.Golden[account], body []byte) []any {
		cfg := Config{Secret: secret.New(testKey)}
		g.Case.apply(&cfg)
		r, ask := reader{config: cfg}, questionOf(g.Query())
		got, err := r.observe(ask, providers.Answer{Status: 200, Body: body})
		out := []any{got, err}
		// A change breaks the signature, so it is read past that, too.
		if answer, err := providers.ReadObject(body); err == nil {
			got, err := r.interpret(ask, answer)
			out = append(out, got, err)
		}
		providertest.CheckHidden(t, []string{testKey}, out...)
		return out
	})
}
