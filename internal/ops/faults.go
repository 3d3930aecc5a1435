package ops

import (
	"errors"
	"strings"

	"reconciler/internal/payment"
)

// FaultsError is input that can't be used: all of its faults.
type FaultsError struct {
	Faults []payment.FieldError
}

// Error lists the faults. It repeats no value.
func (e *FaultsError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "; ")
}

// The refusals that are no faults of a field.
var (
	ErrNoEndpoint = errors.New("the merchant has no such endpoint; list shows those there are")
	// ErrConfigured: what the configuration holds is changed there.
	ErrConfigured = errors.New("the endpoint stands in the configuration: change it there (endpoints) and start the workers again")
	// ErrOffInConfiguration: nothing that is done here switches it on.
	ErrOffInConfiguration = errors.New("the endpoint is disabled in the configuration: remove `disabled: true` there and start the workers again")
)
