package webhook

import (
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
// or is reset (HTTP/2). An error while reading is of no interest: the status,
// which alone decides, is already here.
func readAnswer(body io.ReadCloser, limit int64) string {
	defer func() { _ = body.Close() }()
	head, err := io.ReadAll(io.LimitReader(body, min(maxExcerpt, limit)))
	if err == nil && int64(len(head)) < limit {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, limit-int64(len(head))))
	}
	return Excerpt(head)
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
