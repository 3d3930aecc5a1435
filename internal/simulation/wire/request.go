package wire

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

var (
	errNoRequest = errors.New("no HTTP/1.1 request")
	errBody      = errors.New("a HTTP request whose body has no length that can be understood")
)

// HTTPRequest is a request as a policy sees it. It is valid only until the policy returns.
type HTTPRequest struct {
	// Call is its number among the counted calls.
	Call int
	// Address is what was dialled, host:port.
	Address string
	Method  string
	// Target is the path with its query, as it stands in the request line.
	Target string

	head, body []byte
}

// Path is the target without its query.
func (r *HTTPRequest) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// Header gives the first value of a header, whatever the case of its name; "" if
// there is none.
func (r *HTTPRequest) Header(name string) string { return field(r.head, name) }

// Body is the body as it is on the wire, chunked or not.
func (r *HTTPRequest) Body() []byte { return r.body }

func field(head []byte, name string) string {
	_, rest, _ := bytes.Cut(head, []byte("\r\n"))
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(key), name) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// parseRequest reads the request that data begins with. It gives its length, 0 if
// more is needed.
func parseRequest(data []byte, r *HTTPRequest) (int, error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end > maxLine || end < 0 && len(data) > maxLine {
		return 0, errNoRequest
	}
	if !couldBegin(data) {
		return 0, errNoRequest
	}
	if end < 0 {
		return 0, nil
	}
	head := data[:end+4]
	first, _, _ := bytes.Cut(head, []byte("\r\n"))
	parts := strings.Split(string(first), " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/1.") || parts[0] == "CONNECT" {
		return 0, errNoRequest
	}
	length, err := bodyLength(head, data[len(head):])
	if err != nil || length < 0 || len(head)+length > len(data) {
		return 0, err
	}
	r.Method, r.Target, r.head, r.body = parts[0], parts[1], head, data[len(head):len(head)+length]
	return len(head) + length, nil
}

// couldBegin tells a method from TLS and HTTP/2, neither of which we understand.
func couldBegin(data []byte) bool {
	for i, b := range data {
		if b == ' ' && i > 0 {
			return true
		}
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// bodyLength gives how long the body is on the wire; -1 if more of it is needed
// to know.
func bodyLength(head, rest []byte) (int, error) {
	if coding := field(head, "Transfer-Encoding"); coding != "" {
		if !strings.EqualFold(coding, "chunked") {
			return 0, errBody
		}
		return chunkedLength(rest)
	}
	length := field(head, "Content-Length")
	if length == "" {
		return 0, nil
	}
	n, ok := number([]byte(length))
	if !ok {
		return 0, errBody
	}
	return n, nil
}

// chunkedLength measures a chunked body with its trailer (RFC 9112, section 7.1).
func chunkedLength(rest []byte) (int, error) {
	at := 0
	for {
		end := bytes.Index(rest[at:], []byte("\r\n"))
		if end < 0 {
			return -1, nil
		}
		digits, _, _ := bytes.Cut(rest[at:at+end], []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 32)
		if err != nil || size > maxPayload {
			return 0, errBody
		}
		at += end + 2
		if size == 0 {
			return trailerLength(rest, at)
		}
		at += int(size)
		if at+2 > len(rest) {
			return -1, nil
		}
		if rest[at] != '\r' || rest[at+1] != '\n' {
			return 0, errBody
		}
		at += 2
	}
}

func trailerLength(rest []byte, at int) (int, error) {
	for {
		end := bytes.Index(rest[at:], []byte("\r\n"))
		if end < 0 {
			return -1, nil
		}
		at += end + 2
		if end == 0 {
			return at, nil
		}
	}
}
