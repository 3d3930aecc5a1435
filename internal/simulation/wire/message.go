package wire

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
)

// Header holds a message's header; names are kept as they are written, as NATS
// does.
type Header map[string][]string

// Get gives the first value under that very name, "" if there is none.
func (h Header) Get(name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set puts one value under a name.
func (h Header) Set(name, value string) { h[name] = []string{value} }

// Del drops a name.
func (h Header) Del(name string) { delete(h, name) }

const headerLine = "NATS/1.0"

// parseHeader gives the status and the fields, never nil.
func parseHeader(raw []byte) (status string, h Header) {
	h = Header{}
	rest, ok := bytes.CutPrefix(raw, []byte(headerLine))
	if !ok {
		return "", h
	}
	first, rest, _ := bytes.Cut(rest, []byte("\r\n"))
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok {
			h[string(name)] = append(h[string(name)], string(bytes.TrimSpace(value)))
		}
	}
	return string(bytes.TrimSpace(first)), h
}

// Message is a message to be put in the place of another.
type Message struct {
	Subject, Reply string
	// Status stands in the first line of the header; "" for most messages.
	Status string
	// Header and Payload may be empty.
	Header  Header
	Payload []byte
}

// encode writes the message the way it goes; sid is the subscription's on the
// way down. Sizes are those of the message as it is now.
func (m *Message) encode(way Direction, sid []byte) []byte {
	header := m.header()
	op := [2][2]Op{Up: {Pub, HPub}, Down: {Msg, HMsg}}[way]
	out := []byte(op[0].String() + " ")
	if header != nil {
		out = []byte(op[1].String() + " ")
	}
	out = append(append(out, m.Subject...), ' ')
	if way == Down {
		out = append(append(out, sid...), ' ')
	}
	if m.Reply != "" {
		out = append(append(out, m.Reply...), ' ')
	}
	if header != nil {
		out = append(strconv.AppendInt(out, int64(len(header)), 10), ' ')
	}
	out = strconv.AppendInt(out, int64(len(header)+len(m.Payload)), 10)
	out = append(append(out, "\r\n"...), header...)
	return append(append(out, m.Payload...), "\r\n"...)
}

func (m *Message) header() []byte {
	if len(m.Header) == 0 && m.Status == "" {
		return nil
	}
	out := []byte(headerLine)
	if m.Status != "" {
		out = append(append(out, ' '), m.Status...)
	}
	out = append(out, "\r\n"...)
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			out = append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
		}
	}
	return append(out, "\r\n"...)
}
