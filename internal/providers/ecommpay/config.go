package ecommpay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// productionURL is the Gate's address (en_gate_interaction_organisation). Test
// projects are asked there too.
const productionURL = "https://api.ecommpay.com"

// Config is one ecommpay project.
type Config struct {
	// BaseURL is the Gate's address without a path. Default:
	// https://api.ecommpay.com; sister brands have their own.
	BaseURL string `yaml:"base_url"`
	// ProjectID is the project's number. Answers of another project are refused.
	ProjectID int64 `yaml:"project_id"`
	// Secret is the project's key: it signs requests and verifies answers. A
	// wrong one stops the account's polls as misconfigured (code 3261).
	Secret secret.Text `yaml:"secret"`
	// AmountUnverified allows a success whose answer holds no amount at all,
	// which happens where the project is set up to send few fields. Default:
	// false, such a success is a review. On, a partial capture can't be seen.
	AmountUnverified bool `yaml:"amount_unverified"`
	// TwoStage says that the project captures in a second step. Default: false;
	// then a payment that waits for a capture is reported with a message, since
	// nobody would capture it.
	TwoStage bool `yaml:"two_stage"`
	// AwaitingCustomerDeclined makes "awaiting customer" a decline, as the shop
	// plugin does; the SDKs say that the payer may try again after it. Default:
	// false, the payment waits for the payer.
	AwaitingCustomerDeclined bool `yaml:"awaiting_customer_declined"`
	// ErrorMayBePaid makes the status "error" one that is not decided, as a client
	// of a sister brand does; the SDKs call it an error while reviewing data.
	// Default: false, the payment has failed, and a late success is still seen.
	ErrorMayBePaid bool `yaml:"error_may_be_paid"`
}

// Defaults fills in what is not set.
func (c Config) Defaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = productionURL
	}
	return c
}

// Check returns every fault at once, with the fields' names as in YAML; none: nil.
func (c Config) Check() []payment.FieldError {
	var faults providers.Faults
	faults.Add("base_url", providers.URLProblem(c.BaseURL))
	if c.ProjectID <= 0 {
		faults.Add("project_id", "is missing or not positive; wanted the project's number from ecommpay")
	}
	faults.Add("secret", providers.KeyProblem(c.Secret, "the project's key from ecommpay", "the project's key exactly as ecommpay gave it"))
	return faults
}
