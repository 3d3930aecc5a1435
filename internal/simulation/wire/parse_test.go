package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// read feeds a stream in pieces and gives the frames as text.
func read(stream []byte, pieces func() int) (frames []string, passed []byte, err error) {
	var s scanner
	f := Frame{Direction: Up}
	for len(stream) > 0 {
		n := min(max(pieces(), 1), len(stream))
		s.feed(bytes.Clone(stream[:n])) // the caller may use its buffer again
		stream = stream[n:]
		for {
			ok, err := s.next(&f)
			if err != nil {
				return frames, append(passed, s.remaining()...), err
			}
			if !ok {
				break
			}
			frames = append(frames, describe(&f))
			if len(frames)%3 == 0 { // some are taken one by one, others in runs
				run := s.passed(&f)
				passed = append(append(passed, run...), f.raw...)
			}
		}
		passed = append(passed, s.remaining()...)
		s.keep()
	}
	return frames, passed, nil
}

func describe(f *Frame) string {
	return fmt.Sprintf("%s %s sid=%s reply=%s header=%q payload=%q raw=%d", f.Op, f.subject, f.sid, f.reply, f.header, f.payload, len(f.raw))
}

const conversation = "INFO {\"server_id\":\"x\"} \r\n" +
	"CONNECT {\"verbose\":false}\r\nPING\r\nPONG\r\n" +
	"SUB a.b 1\r\nSUB a.> queue 2\r\nUNSUB 1\r\nUNSUB 2 5\r\n" +
	"PUB a 0\r\n\r\nPUB a reply 5\r\nhello\r\npub\ta\treply \t 2\r\nPI\r\n" +
	"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHPUB a r 12 12\r\nNATS/1.0\r\n\r\n\r\n" +
	"MSG a 1 4\r\n\r\n\r\n\r\nMSG a 1 reply 3\r\nPUB\r\n" +
	"HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nHMSG a 1 r 12 13\r\nNATS/1.0\r\n\r\nx\r\n+OK\r\n-ERR 'Stale Connection'\r\n"

func TestScanner_ReadsEveryOperation(t *testing.T) {
	frames, passed, err := read([]byte(conversation), func() int { return len(conversation) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`INFO  sid= reply= header="" payload="" raw=25`, `CONNECT  sid= reply= header="" payload="" raw=27`,
		`PING  sid= reply= header="" payload="" raw=6`, `PONG  sid= reply= header="" payload="" raw=6`,
		`SUB a.b sid=1 reply= header="" payload="" raw=11`, `SUB a.> sid=2 reply= header="" payload="" raw=17`,
		`UNSUB  sid=1 reply= header="" payload="" raw=9`, `UNSUB  sid=2 reply= header="" payload="" raw=11`,
		`PUB a sid= reply= header="" payload="" raw=11`, `PUB a sid= reply=reply header="" payload="hello" raw=22`,
		`PUB a sid= reply=reply header="" payload="PI" raw=21`,
		`HPUB a sid= reply= header="NATS/1.0\r\n\r\n" payload="hi" raw=30`, `HPUB a sid= reply=r header="NATS/1.0\r\n\r\n" payload="" raw=30`,
		`MSG a sid=1 reply= header="" payload="\r\n\r\n" raw=17`, `MSG a sid=1 reply=reply header="" payload="PUB" raw=22`,
		`HMSG a sid=1 reply= header="NATS/1.0 503\r\n\r\n" payload="" raw=34`, `HMSG a sid=1 reply=r header="NATS/1.0\r\n\r\n" payload="x" raw=33`,
		`+OK  sid= reply= header="" payload="" raw=5`, `-ERR  sid= reply= header="" payload="" raw=25`,
	}
	if got := strings.Join(frames, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("frames are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if string(passed) != conversation {
		t.Errorf("what passed is not what was fed: %q", passed)
	}
}

func TestScanner_RefusesWhatIsNoFrame(t *testing.T) {
	for sent, want := range map[string]error{
		"HELLO\r\n":                      errOperation,
		"\r\n":                           errOperation,
		"PUB a\r\n":                      errFields,
		"PUB a b c 1\r\n":                errFields,
		"PUB a b c d e f 1\r\n":          errFields,
		"HPUB a 1\r\n":                   errFields,
		"MSG a 1\r\n":                    errFields,
		"SUB a\r\n":                      errFields,
		"UNSUB\r\n":                      errFields,
		"PUB a -1\r\n":                   errSize,
		"PUB a 99999999999999999999\r\n": errSize,
		"HPUB a 5 4\r\nabcd\r\n":         errSize,
		"PUB a 1\r\nabc":                 errEnd,
		strings.Repeat("x", maxLine+1):   errLong,
	} {
		name, _, _ := strings.Cut(sent, "\r\n")
		t.Run(name[:min(len(name), 20)]+" ", func(t *testing.T) {
			if _, _, err := read([]byte(sent), func() int { return len(sent) }); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

func TestClasses(t *testing.T) {
	for _, row := range []struct {
		frame   string
		want    Class
		counted bool
	}{
		{"PUB payments.status.paid.acc.m.p 0\r\n\r\n", StatusAppend, true},
		{"PUB recon.timer.poll.acc.m.p 0\r\n\r\n", TimerPublish, true},
		{"PUB recon.due.poll.acc.m.p 0\r\n\r\n", DuePublish, true},
		{"PUB recon.dead.poller.x 0\r\n\r\n", DeadLetter, true},
		{"PUB recon.reference.acc.x 0\r\n\r\n", ReferencePublish, true},
		{"PUB payments.created.m.p 0\r\n\r\n", CreatedPublish, true},
		{"PUB webhooks.failed.m.e.p.1 0\r\n\r\n", WebhookRecord, true},
		{"PUB $KV.BUCKET.key 0\r\n\r\n", KVWrite, true},
		{"PUB $JS.ACK.S.C.1.2.3.4.5 4\r\n-NAK\r\n", Ack, true},
		{"PUB $JS.API.CONSUMER.MSG.NEXT.S.C _INBOX.x 0\r\n\r\n", PullRequest, false},
		{"PUB $JS.API.STREAM.INFO.S _INBOX.x 0\r\n\r\n", APIRequest, true},
		{"PUB $JS.FC.S.C.x 0\r\n\r\n", FlowControl, false},
		{"PUB other 0\r\n\r\n", CoreMessage, true},
		{"PING\r\n", Protocol, false},
		{"SUB a 1\r\n", Protocol, false},
		{"MSG payments.status.x 1 $JS.ACK.S.C.1.2.3.4.5 0\r\n\r\n", Delivery, false},
		{"HMSG _INBOX.x 1 16 16\r\nNATS/1.0 404\r\n\r\n\r\n", PullStatus, false},
		{"MSG other 1 0\r\n\r\n", CoreMessage, true},
	} {
		var f Frame
		if _, err := parse([]byte(row.frame), &f); err != nil {
			t.Fatalf("%q: %v", row.frame, err)
		}
		got := classUp(&f)
		if f.Op == Msg || f.Op == HMsg {
			got = classDown(&f)
		}
		if got != row.want || got.counted() != row.counted {
			t.Errorf("%q is a %s, counted %t; want %s, %t", row.frame, got, got.counted(), row.want, row.counted)
		}
	}
}

func TestMessage_IsReadAndWrittenTheSame(t *testing.T) {
	for _, row := range []struct {
		way   Direction
		frame string
	}{
		{Up, "PUB a 0\r\n\r\n"},
		{Up, "PUB a reply 5\r\nhello\r\n"},
		{Up, "HPUB a reply 35 37\r\nNATS/1.0\r\nNats-X: 1\r\nb: 2\r\nb: 3\r\n\r\n\r\n\r\n"},
		{Down, "MSG a 7 2\r\nhi\r\n"},
		{Down, "HMSG a 7 r 24 26\r\nNATS/1.0 408 Timeout\r\n\r\nhi\r\n"},
	} {
		f := Frame{Direction: row.way}
		if n, err := parse([]byte(row.frame), &f); err != nil || n > len(row.frame) {
			f = Frame{}
			t.Errorf("%q: %d, %v", row.frame, n, err)
			continue
		}
		if got := string(f.Message().encode(row.way, f.sid)); got != row.frame {
			t.Errorf("written %q, want %q", got, row.frame)
		}
	}
}

func TestAnswers_ForgetTheOldest(t *testing.T) {
	a := newAnswers()
	for n := range waiting + 1 {
		a.expect(fmt.Sprint("r", n), &Request{Call: n})
	}
	if r := a.take([]byte("r0")); r != nil {
		t.Error("the oldest is still known")
	}
	if r := a.take([]byte("r1")); r == nil || r.Call != 1 || a.take([]byte("r1")) != nil || len(a.open) != waiting-1 {
		t.Errorf("the next one is %+v, %d are open", r, len(a.open))
	}
}

// Bytes in any pieces give the same frames, and what passes is what was fed.
func FuzzScanner_DoesNotCareForPieces(f *testing.F) {
	f.Add([]byte(conversation), byte(1))
	f.Add([]byte(conversation), byte(7))
	f.Add([]byte("PUB a 1000000\r\nx"), byte(3))
	f.Add([]byte("PING\nPONG\r\nHELLO\r\n"), byte(2))
	f.Fuzz(func(t *testing.T, stream []byte, seed byte) {
		whole, passed, err := read(stream, func() int { return len(stream) })
		if !bytes.HasPrefix(stream, passed) {
			t.Fatalf("passed %q of %q", passed, stream)
		}
		step := int(seed)
		pieces, again, other := read(stream, func() int {
			step = (step*7 + 3) % 11
			return step
		})
		if strings.Join(whole, "\n") != strings.Join(pieces, "\n") || fmt.Sprint(err) != fmt.Sprint(other) {
			t.Fatalf("at once:\n%s\n%v\nin pieces:\n%s\n%v", strings.Join(whole, "\n"), err, strings.Join(pieces, "\n"), other)
		}
		if err == nil && !bytes.Equal(passed, again) {
			t.Fatalf("at once %q passed, in pieces %q", passed, again)
		}
	})
}

// A message that was read is written so that it reads the same.
func FuzzMessage_RoundTrips(f *testing.F) {
	for line := range strings.SplitSeq(conversation, "\r\n") {
		f.Add([]byte(line + "\r\n"))
	}
	f.Add([]byte("HPUB a r 35 35\r\nNATS/1.0\r\nNats-X: 1\r\nb: 2\r\nb: 3\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var first, second Frame
		if n, err := parse(stream, &first); err != nil || n == 0 || n > len(stream) || !first.isMessage() {
			return
		}
		way := Up
		if first.Op == Msg || first.Op == HMsg {
			way = Down
		}
		m := first.Message()
		raw := m.encode(way, first.sid)
		n, err := parse(raw, &second)
		if err != nil || n != len(raw) {
			t.Fatalf("%q became %q: %d, %v", stream, raw, n, err)
		}
		if again := second.Message(); fmt.Sprint(*again) != fmt.Sprint(*m) {
			t.Fatalf("%+v became %+v", *m, *again)
		}
	})
}

// A HTTP request ends at the same place however it comes in.
func FuzzRequest_DoesNotCareForPieces(f *testing.F) {
	f.Add([]byte("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\nrest"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var whole, part HTTPRequest
		length, err := parseRequest(stream, &whole)
		if length < 0 || length > len(stream) {
			t.Fatalf("%d of %d bytes", length, len(stream))
		}
		for n := range len(stream) {
			got, partErr := parseRequest(stream[:n], &part)
			if partErr != nil {
				if err == nil {
					t.Fatalf("the first %d bytes: %v, all: none", n, partErr)
				}
				return
			}
			if got != 0 && (got != length || got > n) {
				t.Fatalf("%d bytes long when %d are there, %d at last", got, n, length)
			}
		}
	})
}
