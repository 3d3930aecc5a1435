package life

import (
	"fmt"
	"sync"
)

// Book is the register of all simulated payments, found by any of their
// numbers. Safe for concurrent use.
type Book struct {
	mu sync.RWMutex
	by map[string]*Payment
}

// NewBook makes an empty register.
func NewBook() *Book { return &Book{by: map[string]*Payment{}} }

func place(provider, field, value string) string { return provider + "\x00" + field + "\x00" + value }

// Add registers a payment under all its numbers. The error is for a number
// that is already taken; nothing is registered then.
func (b *Book) Add(p *Payment) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for field, value := range p.IDs {
		if _, taken := b.by[place(p.Provider, field, value)]; taken {
			return fmt.Errorf("register a payment: the %s is taken", field)
		}
	}
	for field, value := range p.IDs {
		b.by[place(p.Provider, field, value)] = p
	}
	return nil
}

// Find looks a payment up by one of its numbers.
func (b *Book) Find(provider, field, value string) (*Payment, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.by[place(provider, field, value)]
	return p, ok
}

// Refer looks a payment up by a reference, of which every known field must name it.
func (b *Book) Refer(provider string, reference map[string]string) (*Payment, bool) {
	var found *Payment
	for field, value := range reference {
		p, ok := b.Find(provider, field, value)
		if !ok {
			// "kind" says how to ask and is nobody's number.
			if field == "kind" {
				continue
			}
			return nil, false
		}
		if found != nil && found != p {
			return nil, false
		}
		found = p
	}
	return found, found != nil
}
