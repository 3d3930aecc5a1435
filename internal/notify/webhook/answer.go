package webhook

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxExcerpt is how much of an answer is kept for people, in bytes.
const maxExcerpt = 1 << 10

// longestWait bounds a Retry-After, so that no number of seconds overflows a
// Duration. What is done with a long wait is the caller's rule.
const longestWait = 30 * 24 * time.Hour

// readAnswer reads the answer's body to limit bytes and no further, closes it,
// and gives the excerpt. An answer that ended within the limit leaves its
// connection for the next request; any other costs the connection (HTTP/1.1)
// or is reset (HTTP/2). The error says why the body was not read to its end:
// errTooLarge or what broke it. It changes nothing about the status, which
// alone decides and is already here.
func readAnswer(res *http.Response, limit int64) (excerpt string, err error) {
	defer func() { _ = res.Body.Close() }()
	if res.ContentLength == 0 {
		return "", nil
	}
	head := make([]byte, min(maxExcerpt, limit))
	n, err := readSome(res.Body, head)
	read := int64(n)
	if err == nil && read < limit { // longer than the excerpt: read on to keep the connection
		rest := make([]byte, 4<<10)
		for err == nil && read < limit {
			n, err = readSome(res.Body, rest[:min(int64(len(rest)), limit-read)])
			read += int64(n)
		}
	}
	excerpt = Excerpt(head[:min(read, int64(len(head)))])
	switch {
	case errors.Is(err, io.EOF), err == nil && read == res.ContentLength:
		return excerpt, nil
	case err == nil:
		return excerpt, errTooLarge
	}
	return excerpt, err
}

var errTooLarge = errors.New("the answer is longer than its limit")

// readSome fills into unless an error comes first. Unlike io.ReadFull it
// leaves the error as it is: an end that was announced is io.EOF, one that was
// not is io.ErrUnexpectedEOF.
func readSome(from io.Reader, into []byte) (int, error) {
	n := 0
	for n < len(into) {
		more, err := from.Read(into[n:])
		n += more
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Excerpt makes the first 1,024 bytes of an answer safe to store, log and
// show: whatever is not a printable character (control characters, marks that
// turn the direction of writing, bytes that are no UTF-8) is written as a Go
// escape such as \n, \u202e or \xff, and a backslash is doubled.
func Excerpt(answer []byte) string {
	if len(answer) > maxExcerpt {
		answer = answer[:maxExcerpt]
	}
	var safe strings.Builder
	safe.Grow(len(answer))
	for rest := answer; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1 && len(answer) == maxExcerpt && !utf8.FullRune(rest):
			return safe.String() // our own cut went through a character
		case r == utf8.RuneError && size == 1:
			const hex = "0123456789abcdef"
			safe.WriteString(`\x`)
			safe.WriteByte(hex[rest[0]>>4])
			safe.WriteByte(hex[rest[0]&15])
		case r != '\\' && unicode.IsPrint(r):
			safe.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			safe.WriteString(quoted[1 : len(quoted)-1])
		}
		rest = rest[size:]
	}
	return safe.String()
}

// retryAfter reads an answer's Retry-After. A date is compared with the
// receiver's own clock where the answer tells it: a clock that is an hour off
// must not make its wish an hour longer or nothing.
func retryAfter(header http.Header, now time.Time) time.Duration {
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		now = theirs
	}
	return RetryAfter(header.Get("Retry-After"), now)
}

// RetryAfter reads a Retry-After header (RFC 9110 section 10.2.3): whole
// seconds, or an HTTP date that is compared with now. 0 where there is none,
// it can't be read or has passed. At most 30 days.
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(longestWait/time.Second) { // all digits, so the only error is too many of them
			return longestWait
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil || !at.After(now) {
		return 0
	}
	return min(at.Sub(now), longestWait)
}
