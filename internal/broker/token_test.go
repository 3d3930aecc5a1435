package broker_test

import (
	"strings"
	"testing"

	"reconciler/internal/broker"
)

func TestToken_KeepsReadableValuesAndEscapesTheRest(t *testing.T) {
	for _, row := range []struct{ name, value, token string }{
		{"plain", "order-7_A", "order-7_A"},
		{"empty", "", "="},
		{"full stop", "a.b", "a=2Eb"},
		{"wildcards", "*>", "=2A=3E"},
		{"its own escape", "=", "=3D"},
		{"looks escaped", "=2E", "=3D2E"},
		{"system subject", "$JS", "=24JS"},
		{"white space", " \t\n", "=20=09=0A"},
		{"control", "\x00\x7f", "=00=7F"},
		{"letters of another alphabet", "Ж", "=D0=96"},
		{"no text at all", "\xff\xfe", "=FF=FE"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := broker.Token(row.value); got != row.token {
				t.Errorf("Token(%q) = %q, want %q", row.value, got, row.token)
			}
			if got, err := broker.ParseToken(row.token); err != nil || got != row.value {
				t.Errorf("ParseToken(%q) = %q, %v, want %q", row.token, got, err, row.value)
			}
		})
	}
}

func TestParseToken_RefusesWhatTokenDoesNotMake(t *testing.T) {
	for _, token := range []string{"", "a.b", "a b", "*", ">", "a=", "=2", "=2e", "=41", "==", "=G0", "=2E=", "é"} {
		if value, err := broker.ParseToken(token); err == nil {
			t.Errorf("ParseToken(%q) = %q, want an error", token, value)
		}
	}
}

func FuzzToken_RoundTripsAndStaysOneToken(f *testing.F) {
	for _, seed := range []string{"", "=", "a.b", "*", ">", "$JS.API", " ", "\x00", "Ж", "\xff", "=2E", strings.Repeat("x", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token := broker.Token(value)
		if token == "" || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=") != "" {
			t.Fatalf("Token(%q) = %q is not one safe token", value, token)
		}
		// Giving the value back is also what makes two values never share a token.
		if back, err := broker.ParseToken(token); err != nil || back != value {
			t.Fatalf("ParseToken(Token(%q)) = %q, %v", value, back, err)
		}
	})
}

func FuzzParseToken_AcceptsOneSpellingOnly(f *testing.F) {
	for _, seed := range []string{"", "=", "=2E", "=2e", "a", "=41", "=3D2E", "=FF", "a=2Eb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		value, err := broker.ParseToken(token)
		if err == nil && broker.Token(value) != token {
			t.Fatalf("ParseToken(%q) = %q, whose token is %q", token, value, broker.Token(value))
		}
	})
}
