package endpoint

import "errors"

// Check finds every fault of a key: ErrKeyID, ErrKeyValue, or none.
func (k Key) Check() []error {
	var faults []error
	if !validKeyID(k.ID) {
		faults = append(faults, ErrKeyID)
	}
	if _, err := (Key{ID: "k", Value: k.Value}).aead(); errors.Is(err, ErrKeyValue) {
		faults = append(faults, ErrKeyValue)
	}
	return faults
}
