package broker

import (
	"errors"
	"fmt"
	"strings"
)

// escape opens an escaped byte: "=2E" is a full stop. Alone it is the empty value.
const escape = '='

const hexDigits = "0123456789ABCDEF"

// Token turns any value from outside (an id of a merchant, payment, endpoint,
// account) into one token of a subject. Letters, digits, "_" and "-" stay as
// they are; every other byte becomes "=" and two hex digits; the empty value
// becomes "=". So a token is never empty, holds no ".", "*", ">", "$", white
// space or control character, two values never share a token, and ParseToken
// gives the value back.
func Token(value string) string {
	if value == "" {
		return string(escape)
	}
	plain := 0
	for plain < len(value) && readable(value[plain]) {
		plain++
	}
	if plain == len(value) {
		return value
	}
	var b strings.Builder
	b.Grow(len(value) + 8)
	b.WriteString(value[:plain])
	for i := plain; i < len(value); i++ {
		if c := value[i]; readable(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte(escape)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// ParseToken undoes Token and refuses whatever Token does not make, so that one
// value has one spelling.
func ParseToken(token string) (string, error) {
	if token == string(escape) {
		return "", nil
	}
	if token == "" {
		return "", errors.New("the token is empty")
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if readable(c) {
			b.WriteByte(c)
			continue
		}
		if c != escape || i+2 >= len(token) {
			return "", fmt.Errorf("the token has a character out of place at %d", i)
		}
		high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if high < 0 || low < 0 || readable(byte(high<<4|low)) {
			return "", fmt.Errorf("the token has no valid escape at %d", i)
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), nil
}

func readable(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
