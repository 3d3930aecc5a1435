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

	AwaitingCustomerDeclined bool `json:"awaiting_customer_declined"`
	ErrorMayBePaid           bool `json:"error_may_be_paid"`
}

func (a account) apply(c *Config) {
	c.ProjectID, c.TwoStage, c.AmountUnverified = a.ProjectID, a.TwoStage, a.AmountUnverified
	c.AwaitingCustomerDeclined, c.ErrorMayBePaid = a.AwaitingCustomerDeclined, a.ErrorMayBePaid
	if c.ProjectID == 0 {
		c.ProjectID = testProject
	}
}

func goldens(t testing.TB) []providertest.Golden[account] {
	t.Helper()
	return providertest.Goldens[account](t, 112)
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

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), nil, func(g providertest.Golden[account], body []byte) []any {
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
