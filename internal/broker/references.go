package broker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// digestBytes of an alias's SHA-256 stand in its subject: with 128 bits nobody
// can make two aliases of one subject, and a subject stays short however long
// the provider's number is.
const digestBytes = 16

// ReferenceSubject is where it is recorded that the provider of an account may
// call a payment by an alias. The alias itself is not in it, only its digest.
func ReferenceSubject(of PaymentRef, alias string) string {
	return subject("recon.reference", of.Account, aliasDigest(alias), of.Merchant, of.Payment)
}

// ReferenceKey covers all payments of an account that an alias may mean.
func ReferenceKey(account, alias string) string {
	return subject("recon.reference", account, aliasDigest(alias)) + ".*.*"
}

func aliasDigest(alias string) string {
	sum := sha256.Sum256([]byte(alias))
	return hex.EncodeToString(sum[:digestBytes])
}

// ParseReference reads the payment from a subject made by ReferenceSubject; what
// the alias was is not in it.
func ParseReference(s string) (PaymentRef, error) {
	v, err := split(s, "recon.reference", 4)
	if err != nil {
		return PaymentRef{}, err
	}
	if raw, err := hex.DecodeString(v[1]); err != nil || hex.EncodeToString(raw) != v[1] || len(raw) != digestBytes {
		return PaymentRef{}, fmt.Errorf("the subject has no digest where one belongs")
	}
	return PaymentRef{Account: v[0], Merchant: v[2], Payment: v[3]}, nil
}

// RecordReferences makes a payment findable by its aliases. Recording again
// changes nothing. An alias is kept as long as a payment's state; a lost one only
// means that a hint by it finds nobody.
func (b *Broker) RecordReferences(ctx context.Context, of PaymentRef, aliases []string) error {
	for _, alias := range aliases {
		msg, err := message(StreamReferences, ReferenceSubject(of, alias), nil, nil)
		if err != nil {
			return err
		}
		if err := b.publish(ctx, "record a reference", msg, nil); err != nil {
			return err
		}
	}
	return nil
}

// Referred lists the payments of an account that an alias may mean, in a fixed
// order, as far as they were recorded: none is no error. Whoever may create
// payments can make one alias mean many, so the caller bounds what it does with them.
func (b *Broker) Referred(ctx context.Context, account, alias string) ([]PaymentRef, error) {
	found, err := b.subjects(ctx, StreamReferences, ReferenceKey(account, alias))
	if err != nil {
		return nil, fmt.Errorf("look up a reference: %w", err)
	}
	payments := make([]PaymentRef, 0, len(found))
	for _, s := range slices.Sorted(maps.Keys(found)) {
		of, err := ParseReference(s)
		if err != nil {
			continue // nobody of ours wrote it, and it names no payment
		}
		payments = append(payments, of)
	}
	return payments, nil
}
