package notify

import (
	"errors"
	"fmt"
)

// CheckAll finds what is wrong with endpoints that are to be used together: the
// faults of each, and those that share merchant and id. The error is all of them
// at once; places in it count from 1.
func CheckAll(endpoints []Endpoint) error {
	type name struct{ merchant, id string }
	seen := map[name]bool{}
	var refused []error
	for i, e := range endpoints {
		for _, fault := range e.Check() {
			refused = append(refused, fmt.Errorf("endpoint %d: %w", i+1, &fault))
		}
		of := name{e.Merchant, e.ID}
		if seen[of] {
			refused = append(refused, fmt.Errorf("endpoint %d: another endpoint of this merchant has the id %q", i+1, e.ID))
		}
		seen[of] = true
	}
	if len(refused) > 0 {
		return fmt.Errorf("check the endpoints: %w", errors.Join(refused...))
	}
	return nil
}
