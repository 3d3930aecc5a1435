package wire

import "sync"

// waiting is how many requests without an answer are remembered; a client asks
// far fewer things at once.
const waiting = 4096

// answers match answers to requests by the reply subject.
type answers struct {
	mu      sync.Mutex
	open    map[string]*Request
	order   []string // of waiting keys, a ring
	written int
}

func newAnswers() *answers {
	return &answers{open: map[string]*Request{}, order: make([]string, waiting)}
}

// expect remembers a request; the oldest is forgotten for it if there are too many.
func (a *answers) expect(reply string, r *Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	place := a.written % waiting
	delete(a.open, a.order[place])
	a.open[reply], a.order[place] = r, reply
	a.written++
}

// take gives the request whose answer goes to that subject, once; nil if there is none.
func (a *answers) take(subject []byte) *Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.open[string(subject)]
	if r != nil {
		delete(a.open, string(subject))
	}
	return r
}
