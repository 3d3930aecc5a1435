package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/payment"
)

// Letter is a dead letter as it is kept.
type Letter struct {
	Dead
	// Seq and Time are the letter's own, in RECON_DEAD.
	Seq  uint64
	Time time.Time
}

// ReadDead gives the letter stored at a sequence of RECON_DEAD, put together and
// checked against its digest. ErrNotFound if nothing is stored there or a piece
// of it is missing, a *payment.NewerSchemaError if newer code wrote it.
func (b *Broker) ReadDead(ctx context.Context, seq uint64) (Letter, error) {
	stored, err := b.read(ctx, StreamDead, readRequest{Seq: seq})
	if err != nil {
		return Letter{}, err
	}
	letter, err := b.openDead(ctx, stored)
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %d: %w", seq, err)
	}
	return letter, nil
}

func (b *Broker) openDead(ctx context.Context, s Stored) (Letter, error) {
	if version, err := strconv.Atoi(s.Header.Get(headerSchema)); err == nil && version > letterSchema {
		return Letter{}, &payment.NewerSchemaError{Version: version}
	}
	ref, err := ParseDeadSubject(s.Subject)
	if err != nil {
		return Letter{}, err
	}
	content, err := b.deadContent(ctx, ref, s)
	if err != nil {
		return Letter{}, err
	}
	letter := Letter{Seq: s.Seq, Time: s.Time, Dead: Dead{
		Stage: ref.Stage, Reason: ref.Reason, Merchant: ref.Merchant, Payment: ref.Payment,
		Field: s.Header.Get(headerField), Detail: s.Header.Get(headerDetail),
		Source: Source{Stream: ref.Stream, Seq: ref.Seq, Subject: s.Header.Get(headerSourceSubject)},
	}}
	letter.Source.Header, letter.Source.Body, err = original(s.Header, content)
	if err != nil {
		return Letter{}, err
	}
	if digest(letter.Source) != ref.Digest {
		return Letter{}, errors.New("the content is not what its subject says")
	}
	return letter, nil
}

// deadContent joins the pieces of a split letter.
func (b *Broker) deadContent(ctx context.Context, of DeadRef, first Stored) ([]byte, error) {
	if first.Header.Get(headerSize) == "" {
		return first.Body, nil
	}
	whole, err1 := strconv.Atoi(first.Header.Get(headerSize))
	size, err2 := strconv.Atoi(first.Header.Get(headerPart))
	if err := errors.Join(err1, err2); err != nil || size < 1 {
		return nil, errors.New("the sizes of its pieces can't be read")
	}
	content := first.Body
	for n := 1; n*size < whole; n++ {
		part, err := b.read(ctx, StreamDead, readRequest{Last: deadKey(of) + "." + partName(size, n)})
		if err != nil {
			return nil, fmt.Errorf("piece %d: %w", n, err)
		}
		content = append(content, part.Body...)
	}
	if len(content) != whole {
		return nil, fmt.Errorf("its pieces are %d bytes long, wanted %d", len(content), whole)
	}
	return content, nil
}

// original takes the source's header and body out of the letter's.
func original(h nats.Header, content []byte) (nats.Header, []byte, error) {
	if h.Get(headerInline) != "" {
		size, err := strconv.Atoi(h.Get(headerInline))
		if err != nil || size < 0 || size > len(content) {
			return nil, nil, errors.New("the length of the inline header can't be right")
		}
		header, err := unpackHeader(content[:size])
		return header, content[size:], err
	}
	var header nats.Header
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, headerOriginal); ok {
			if header == nil {
				header = nats.Header{}
			}
			header[rest] = values
		}
	}
	return header, content, nil
}

// travels reports whether a header comes out of the client library and a server
// as it went in: the library refuses some names, trims values and turns line
// breaks into spaces.
func travels(h nats.Header, limit int) bool {
	size := 0
	for name, values := range h {
		if !headerName(name) || len(values) == 0 {
			return false
		}
		for _, v := range values {
			if v != textproto.TrimString(v) || strings.ContainsAny(v, "\r\n") {
				return false
			}
			size += len(headerOriginal) + len(name) + len(v) + len(": \r\n")
		}
	}
	return size <= limit
}

// headerName is what every client library takes for a name: a token of RFC 9110
// section 5.6.2.
func headerName(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// packedField keeps bytes, not text: a header need not be valid UTF-8.
type packedField struct {
	Name   []byte   `json:"name"`
	Values [][]byte `json:"values"`
}

// packHeader gives the same bytes for the same header, since pieces of two
// attempts at one letter may be joined.
func packHeader(h nats.Header) ([]byte, error) {
	fields := make([]packedField, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		field := packedField{Name: []byte(name)}
		for _, v := range h[name] {
			field.Values = append(field.Values, []byte(v))
		}
		fields = append(fields, field)
	}
	return json.Marshal(fields)
}

func unpackHeader(packed []byte) (nats.Header, error) {
	var fields []packedField
	if err := json.Unmarshal(packed, &fields); err != nil {
		return nil, fmt.Errorf("read the inline header: %w", err)
	}
	header := make(nats.Header, len(fields))
	for _, field := range fields {
		values := make([]string, len(field.Values))
		for i, v := range field.Values {
			values[i] = string(v)
		}
		header[string(field.Name)] = values
	}
	return header, nil
}
