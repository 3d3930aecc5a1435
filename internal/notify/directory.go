package notify

import (
	"errors"
	"fmt"
)

// Directory is all endpoints, by merchant. It never changes.
type Directory struct {
	byMerchant map[string][]Endpoint
}

// NewDirectory makes a directory of endpoints with their defaults filled in.
// It refuses faulty endpoints and those that share merchant and id, all of
// them at once; places in the error count from 1.
func NewDirectory(endpoints []Endpoint) (*Directory, error) {
	d := &Directory{byMerchant: make(map[string][]Endpoint)}
	var refused []error
	for i, e := range endpoints {
		for _, fault := range e.Check() {
			refused = append(refused, fmt.Errorf("endpoint %d: %w", i+1, &fault))
		}
		if _, ok := d.find(e.Merchant, e.ID); ok {
			refused = append(refused, fmt.Errorf("endpoint %d: another endpoint of this merchant has the id %q", i+1, e.ID))
			continue
		}
		d.byMerchant[e.Merchant] = append(d.byMerchant[e.Merchant], e.WithDefaults().clone())
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("make the directory of endpoints: %w", errors.Join(refused...))
	}
	return d, nil
}

// For gives a merchant's endpoints in the order they were given in, disabled
// ones too. The list is the caller's own.
func (d *Directory) For(merchant string) []Endpoint {
	known := d.byMerchant[merchant]
	list := make([]Endpoint, len(known))
	for i, e := range known {
		list[i] = e.clone()
	}
	return list
}

// Find gives one endpoint, disabled or not. The copy is the caller's own.
func (d *Directory) Find(merchant, id string) (Endpoint, bool) {
	e, ok := d.find(merchant, id)
	return e.clone(), ok
}

func (d *Directory) find(merchant, id string) (Endpoint, bool) {
	for _, e := range d.byMerchant[merchant] {
		if e.ID == id {
			return e, true
		}
	}
	return Endpoint{}, false
}
