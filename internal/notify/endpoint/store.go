package endpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
)

// patience bounds one conversation with the broker.
const patience = 5 * time.Second

// ErrNoKeys says that no sealing key is configured: endpoints at run time are off.
var ErrNoKeys = errors.New("no key to seal with is configured (webhooks.store.keys), so endpoints can't be made at run time")

// StoreOptions are what OpenStore needs.
type StoreOptions struct {
	Broker *broker.Broker
	// Keys seal, the first one, and open, all of them. Empty: secrets can be neither
	// sealed nor opened.
	Keys []Key
	// AllowHTTP permits plain http URLs.
	AllowHTTP bool
}

// Store reads and changes what is kept, each change by compare-and-set: of two
// at once one is made on top of the other, none is lost. It is safe for
// concurrent use.
type Store struct {
	broker *broker.Broker
	sealer *Sealer // nil: no keys
	opener opener
	bucket atomic.Pointer[openBucket]
}

// openBucket is the bucket as it was found. With another one all revisions begin
// anew.
type openBucket struct {
	kv   jetstream.KeyValue
	made time.Time
	// last is the last revision there was.
	last uint64
}

// OpenStore opens the bucket and makes it if it is missing. The errors of the
// keys are those of NewSealer.
func OpenStore(ctx context.Context, o StoreOptions) (*Store, error) {
	s := &Store{broker: o.Broker}
	if len(o.Keys) > 0 {
		var err error
		if s.sealer, err = NewSealer(o.Keys, rand.Reader); err != nil {
			return nil, fmt.Errorf("open the store of endpoints: %w", err)
		}
	}
	s.opener = opener{sealer: s.sealer, allowHTTP: o.AllowHTTP}
	if _, err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open the store of endpoints: %w", err)
	}
	return s, nil
}

// Sealer seals for this store; the error is ErrNoKeys.
func (s *Store) Sealer() (*Sealer, error) {
	if s.sealer == nil {
		return nil, ErrNoKeys
	}
	return s.sealer, nil
}

// open finds the bucket as it is now.
func (s *Store) open(ctx context.Context) (*openBucket, error) {
	kv, err := s.broker.Bucket(ctx, broker.BucketOptions{
		Name: Bucket, Description: "merchants' endpoints made at run time, and how all endpoints stand", History: history,
	})
	if err != nil {
		return nil, err
	}
	is, err := s.broker.Extent(ctx, "KV_"+Bucket)
	if err != nil {
		return nil, err
	}
	found := &openBucket{made: is.Made, last: is.Last, kv: kv}
	s.bucket.Store(found)
	return found, nil
}

// look asks for the bucket's making and its last revision.
func (s *Store) look(ctx context.Context) (*openBucket, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.broker.JetStream().Stream(limited, "KV_"+Bucket)
	if err != nil {
		return nil, fmt.Errorf("look at the bucket: %w", err)
	}
	info := stream.CachedInfo()
	return &openBucket{made: info.Created, last: info.State.LastSeq}, nil
}

// lost reports whether nobody keeps the bucket any more.
func lost(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
}

func (s *Store) get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	entry, err := s.bucket.Load().kv.Get(limited, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return entry.Value(), entry.Revision(), nil
}

// put replaces a value if it is still of that revision; 0: if there is none.
// False: it is not.
func (s *Store) put(ctx context.Context, key string, value []byte, revision uint64) (uint64, bool, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv := s.bucket.Load().kv
	var now uint64
	var err error
	if revision == 0 {
		now, err = kv.Create(limited, key, value)
	} else {
		now, err = kv.Update(limited, key, value, revision)
	}
	if broker.Overtaken(err) {
		return 0, false, nil
	}
	return now, err == nil, err
}

// Read gives a merchant's endpoints; none is no error.
func (s *Store) Read(ctx context.Context, merchant string) ([]Record, error) {
	d, _, err := s.document(ctx, merchant)
	return d.Endpoints, err
}

func (s *Store) document(ctx context.Context, merchant string) (Document, uint64, error) {
	value, revision, err := s.get(ctx, merchantKey(merchant))
	d := Document{Merchant: merchant}
	if err == nil && revision > 0 {
		d, err = parseDocument(merchant, value)
	}
	if err != nil {
		return Document{}, 0, fmt.Errorf("read the endpoints of the merchant: %w", err)
	}
	return d, revision, nil
}

// Change replaces a merchant's endpoints by what change makes of them. It is
// called again where somebody else was first, so it must only look at what it is
// given. Its error ends the change and is given back.
func (s *Store) Change(ctx context.Context, merchant string, change func(*Document) error) error {
	for {
		d, revision, err := s.document(ctx, merchant)
		if err != nil {
			return err
		}
		if err := change(&d); err != nil {
			return err
		}
		value, err := d.encode()
		if err != nil {
			return err
		}
		_, done, err := s.put(ctx, merchantKey(merchant), value, revision)
		if err != nil {
			return fmt.Errorf("write the endpoints of the merchant: %w", err)
		}
		if done {
			return nil
		}
	}
}

// Open gives an endpoint as it is used now, with its secrets in the clear,
// whether or not it is switched on.
func (s *Store) Open(merchant string, r Record, now time.Time) (notify.Endpoint, error) {
	if s.sealer == nil {
		return notify.Endpoint{}, ErrNoKeys
	}
	phases, err := s.opener.open(merchant, r, now)
	return at(phases, now), err
}

// Merchants lists the merchants with endpoints of run time.
func (s *Store) Merchants(ctx context.Context) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	list, err := s.bucket.Load().kv.ListKeysFiltered(limited, merchantKeys+"*")
	if err != nil {
		return nil, fmt.Errorf("list the merchants with endpoints: %w", err)
	}
	var all []string
	for key := range list.Keys() {
		if of, err := parseKey(key); err == nil {
			all = append(all, of.merchant)
		}
	}
	if limited.Err() != nil { // the channel ends silently then
		return nil, fmt.Errorf("list the merchants with endpoints: %w", context.Cause(limited))
	}
	return all, nil
}
