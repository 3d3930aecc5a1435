// Package sandboxtest helps tests: a network in memory, on which servers and
// clients meet without sockets, so that both can live inside a
// testing/synctest bubble. Nothing of it runs in the background. Safe for
// concurrent use. Test code only.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// Network joins listeners and dialers by address.
type Network struct {
	mu        sync.Mutex
	next      int
	listeners map[string]*listener
}

// NewNetwork makes an empty network. Make it inside the bubble that uses it.
func NewNetwork() *Network { return &Network{next: 40000, listeners: map[string]*listener{}} }

// Listen opens a listener; port 0 takes the next free one.
func (n *Network) Listen(_ context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen in memory: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		n.next++
		port = strconv.Itoa(n.next)
	}
	l := &listener{
		address: memoryAddress(net.JoinHostPort(host, port)), coming: make(chan net.Conn),
		closed: make(chan struct{}),
	}
	if _, taken := n.listeners[string(l.address)]; taken {
		return nil, errors.New("listen in memory: address already in use")
	}
	n.listeners[string(l.address)] = l
	return l, nil
}

// Dial connects to a listener's address.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[address]
	n.mu.Unlock()
	if l == nil {
		return nil, errors.New("dial in memory: connection refused")
	}
	here, there := net.Pipe()
	select {
	case l.coming <- there:
		return here, nil
	case <-l.closed:
		return nil, errors.New("dial in memory: connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client makes an HTTP client on the network that keeps no connection open and
// follows no redirect.
func (n *Network) Client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: n.Dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type memoryAddress string

// Network names the kind of network, as net.Addr wants it.
func (memoryAddress) Network() string { return "memory" }

// String is the address as host:port.
func (a memoryAddress) String() string { return string(a) }

type listener struct {
	address memoryAddress
	coming  chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept waits for the next dialer.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.coming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and refuses dialers; it may be called again.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the address listened on.
func (l *listener) Addr() net.Addr { return l.address }
