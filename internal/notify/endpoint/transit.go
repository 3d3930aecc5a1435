package endpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// State gives how an endpoint stands. The error is ErrNewer, with what is sure
// of the state, or the broker's.
func (s *Store) State(ctx context.Context, merchant, id string) (State, error) {
	is, err := s.state(ctx, name{merchant, id})
	return is.State, err
}

// held is a state with its revision in the bucket; 0: there is none.
type held struct {
	State
	revision uint64
}

func (s *Store) state(ctx context.Context, of name) (held, error) {
	value, revision, err := s.get(ctx, stateKey(of))
	if err != nil || revision == 0 {
		return held{}, wrapState(err)
	}
	is, err := parseState(value)
	if err != nil && !errors.Is(err, ErrNewer) {
		// The first of us who has something to say overwrites it.
		return held{revision: revision}, nil
	}
	return held{is, revision}, wrapState(err)
}

func wrapState(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the state of the endpoint: %w", err)
}

// transit writes down what move makes of an endpoint's state, with the events
// that must be told. move is called again where somebody else was first; where
// it moves nothing, nothing is written and moved is false. The state is the one
// that holds after it.
func (s *Store) transit(ctx context.Context, of name, move func(State) (State, []Event, bool, error)) (is held, moved bool, err error) {
	for {
		is, err = s.state(ctx, of)
		if err != nil {
			return is, false, err
		}
		next, events, moved, err := move(is.State)
		if err != nil || !moved {
			return is, false, err
		}
		next = next.owing(of, events)
		value, err := next.encode()
		if err != nil {
			return is, false, err
		}
		revision, done, err := s.put(ctx, stateKey(of), value, is.revision)
		if err != nil {
			return is, false, fmt.Errorf("write the state of the endpoint: %w", err)
		}
		if done {
			return held{next, revision}, true, nil
		}
	}
}

// Do switches an endpoint on or off. changed is false where it stood so already.
// The errors are those of State.Do, ErrNewer and the broker's.
func (s *Store) Do(ctx context.Context, merchant, id string, v Verb) (now State, changed bool, err error) {
	is, changed, err := s.transit(ctx, name{merchant, id}, func(was State) (State, []Event, bool, error) {
		next, moved, err := was.Do(v, time.Now().UTC())
		return next, nil, moved, err
	})
	return is.State, changed, err
}

// Forget removes the state of an endpoint that is no more: one that is made
// again under its id begins anew.
func (s *Store) Forget(ctx context.Context, merchant, id string) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.bucket.Load().kv.Purge(limited, stateKey(name{merchant, id})); err != nil {
		return fmt.Errorf("forget the state of the endpoint: %w", err)
	}
	return nil
}

// settle publishes the events that an endpoint's state owes, then takes them off
// it. Whoever dies in between leaves them to others, so each is published at
// least once; its id, and a look at the last one, keep it from being stored twice.
func (s *Store) settle(ctx context.Context, of name) (held, error) {
	for {
		is, err := s.state(ctx, of)
		if err != nil || len(is.Owed) == 0 {
			return is, err
		}
		for _, e := range is.Owed {
			if err := s.publish(ctx, of, e); err != nil {
				return is, err
			}
		}
		next := is.State
		next.Owed = nil
		value, err := next.encode()
		if err != nil {
			return is, err
		}
		revision, done, err := s.put(ctx, stateKey(of), value, is.revision)
		if err != nil {
			return is, fmt.Errorf("write the state of the endpoint: %w", err)
		}
		if done {
			return held{next, revision}, nil
		}
	}
}

// publish stores an event once.
func (s *Store) publish(ctx context.Context, of name, e Event) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.broker.JetStream().Stream(limited, broker.StreamWebhookLog)
	if err != nil {
		return fmt.Errorf("publish an event of the endpoint: %w", err)
	}
	last, err := stream.GetLastMsgForSubject(limited, EventSubject(e.Type, of.merchant, of.id))
	switch {
	case err == nil && last.Header.Get(nats.MsgIdHdr) == e.ID:
		return nil // published by whom we finish for, longer ago than the server remembers ids
	case err != nil && !errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("publish an event of the endpoint: %w", err)
	}
	msg, err := e.message(of)
	if err != nil {
		return err
	}
	_, err = s.broker.JetStream().PublishMsg(limited, msg, jetstream.WithMsgID(e.ID), jetstream.WithExpectStream(broker.StreamWebhookLog))
	if err != nil {
		return fmt.Errorf("publish an event of the endpoint: %w", err)
	}
	return nil
}
