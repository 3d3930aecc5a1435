package broker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Headers of a dead letter. The body is the original's, unchanged.
const (
	headerStage         = "Recon-Stage"
	headerReason        = "Recon-Reason"
	headerField         = "Recon-Field"
	headerDetail        = "Recon-Detail"
	headerSourceStream  = "Recon-Source-Stream"
	headerSourceSeq     = "Recon-Source-Seq"
	headerSourceSubject = "Recon-Source-Subject"
	// headerOriginal goes before each header of the original, so that one that
	// commands the broker (Nats-Rollup, Nats-Schedule ...) is kept but inert.
	headerOriginal = "Recon-Original-"
	// headerInline says how many bytes before the body hold the original's
	// headers, where they can't travel as headers.
	headerInline = "Recon-Inline-Header"
	// headerSchema is the version of the letter's form, letterSchema the newest that
	// is read. Version 1 is what stands here, and has no such header.
	headerSchema = "Recon-Letter-Schema"
	letterSchema = 1
	// headerSize is the length of the content, headerPart of one full piece of
	// it; only on letters in several pieces.
	headerSize = "Recon-Content-Size"
	headerPart = "Recon-Part-Size"
)

// Dead is a message that could not be handled, and why.
type Dead struct {
	// Stage is the loop that gave up, Reason a word of a closed list: both
	// become part of the subject.
	Stage, Reason string
	// Merchant and Payment are empty where the message does not tell them.
	Merchant, Payment string
	// Field is what was wrong in the message, Detail why, for a person. Detail
	// is cut at 4 KiB.
	Field, Detail string
	Source        Source
}

// Source is the message itself.
type Source struct {
	Stream  string
	Seq     uint64
	Subject string
	Header  nats.Header
	Body    []byte
}

// ref gives the letter's identity: the same for every delivery of one message
// to one stage, whatever is found wrong with it.
func (d Dead) ref() DeadRef {
	return DeadRef{
		Stage: d.Stage, Reason: d.Reason, Merchant: d.Merchant, Payment: d.Payment,
		Stream: d.Source.Stream, Seq: d.Source.Seq, Digest: digest(d.Source),
	}
}

func digest(s Source) string {
	h := sha256.New()
	h.Write([]byte(s.Subject))
	h.Write([]byte{0})
	h.Write(s.Body)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// DeadLetter keeps the message whole in RECON_DEAD, once per stage and source:
// called again for a redelivery, it finds the letter and succeeds. What does not
// fit into one message of this server is split; the letter itself is stored
// last, so that one that can be seen is complete.
func (b *Broker) DeadLetter(ctx context.Context, d Dead) error {
	if d.Stage == "" || d.Reason == "" {
		return errors.New("keep a dead letter: stage and reason are needed")
	}
	ref := d.ref()
	header, content, err := b.letter(d)
	if err != nil {
		return fmt.Errorf("keep a dead letter: %w", err)
	}
	first, size := content, b.partSize()
	if len(content) > size {
		first = content[:size]
		header.Set(headerSize, strconv.Itoa(len(content)))
		header.Set(headerPart, strconv.Itoa(size))
		if err := b.deadParts(ctx, ref, content, size); err != nil {
			return err
		}
	}
	return b.keepOnce(ctx, Append{Subject: DeadSubject(ref), Key: deadKey(ref), Header: header, Body: first})
}

// deadParts stores all pieces but the first. Their names hold the piece's size,
// so that pieces left by an attempt under another limit are never mixed in.
func (b *Broker) deadParts(ctx context.Context, of DeadRef, content []byte, size int) error {
	for n := 1; n*size < len(content); n++ {
		name := partName(size, n)
		err := b.keepOnce(ctx, Append{
			Subject: DeadSubject(of) + "." + name, Key: deadKey(of) + "." + name,
			Body: content[n*size : min((n+1)*size, len(content))],
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func partName(size, n int) string { return strconv.Itoa(size) + "-" + strconv.Itoa(n) }

// keepOnce stores the first message of its key; a conflict means that it is
// there already, because the key names the content. It sends no message id: a
// letter that an operator has removed may be needed again at once.
func (b *Broker) keepOnce(ctx context.Context, a Append) error {
	_, err := b.compareAndSet(ctx, StreamDead, a)
	var already *ConflictError
	if errors.As(err, &already) {
		return nil
	}
	return err
}

// headerRoom is kept free for headers in each message; the server takes 64 KiB.
const headerRoom = 60 << 10

func (b *Broker) partSize() int {
	whole := int(b.conn.MaxPayload())
	return whole - min(headerRoom, whole/2)
}

// letter makes header and content. The original's headers travel as headers if
// they come out on the other side as they are and leave room; else they go
// before the body.
func (b *Broker) letter(d Dead) (nats.Header, []byte, error) {
	room := min(headerRoom, int(b.conn.MaxPayload())/2)
	h := nats.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set(headerStage, d.Stage)
	set(headerReason, d.Reason)
	set(headerField, oneLine(d.Field, room/16))
	set(headerDetail, oneLine(d.Detail, room/8))
	set(headerSourceStream, d.Source.Stream)
	set(headerSourceSeq, strconv.FormatUint(d.Source.Seq, 10))
	set(headerSourceSubject, d.Source.Subject)
	if len(d.Source.Header) == 0 {
		return h, d.Source.Body, nil
	}
	if travels(d.Source.Header, room/2) {
		for name, values := range d.Source.Header {
			h[headerOriginal+name] = values
		}
		return h, d.Source.Body, nil
	}
	packed, err := packHeader(d.Source.Header)
	if err != nil {
		return nil, nil, err
	}
	h.Set(headerInline, strconv.Itoa(len(packed)))
	return h, append(packed, d.Source.Body...), nil
}

// oneLine makes a text fit for a header: no control characters, valid UTF-8, at
// most limit bytes and 4 KiB.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	limit = min(limit, 4<<10)
	if len(s) <= limit {
		return strings.TrimSpace(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.TrimSpace(s[:limit])
}
