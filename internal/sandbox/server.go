package sandbox

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// servers are the sandbox's HTTP servers and everything that runs in them.
type servers struct {
	base   context.Context
	cancel context.CancelFunc
	// serving counts the accept loops, working the connections and handlers. A
	// connection is counted in the accept loop and a handler while its
	// connection still counts, so once serving is done nothing is added any more.
	serving, working sync.WaitGroup
	all              []*http.Server
}

// newServers makes an empty set. Handlers' contexts end with stop, not with
// ctx, which only bounds the start.
func newServers(ctx context.Context) *servers {
	s := &servers{}
	s.base, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// serve answers a listener's connections with the handler until stop.
func (s *servers) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler:     s.counted(h),
		BaseContext: func(net.Listener) context.Context { return s.base },
		ConnState:   s.count,
		// No time limits: connections are kept for hours between two asks, and a
		// sandbox is on loopback, with nobody to guard it against.
		// Clients that hang up half way are the sandbox's daily bread.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.all = append(s.all, server)
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		// Always an error: that the server was closed, or the listener by its owner.
		_ = server.Serve(l)
	}()
}

func (s *servers) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.working.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.working.Done()
	}
}

// counted counts handlers apart from connections: one that took its connection
// over (to reset it) outlives the server's own count.
func (s *servers) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.working.Add(1)
		defer s.working.Done()
		h.ServeHTTP(w, r)
	})
}

// stop ends every wait, closes every connection, and returns when nothing runs
// any more, or with an error when ctx ends first. Calling it again waits again.
func (s *servers) stop(ctx context.Context) error {
	s.cancel()
	for _, server := range s.all {
		// The only error is a listener's, which is closed all the same.
		_ = server.Close()
	}
	done := make(chan struct{})
	go func() {
		s.serving.Wait()
		s.working.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the sandbox: requests are still in hand: %w", context.Cause(ctx))
	}
}
