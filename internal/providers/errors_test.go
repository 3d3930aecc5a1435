package providers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestKinds_HaveNamesOfTheirOwn(t *testing.T) {
	names := make(map[string]bool)
	for _, kind := range Kinds() {
		name := kind.String()
		if names[name] || name == "" || strings.HasPrefix(name, "kind(") {
			t.Errorf("kind %d has the name %q", int(kind), name)
		}
		names[name] = true
	}
	if len(names) != 11 {
		t.Errorf("%d kinds, want 11", len(names))
	}
	for _, outside := range []Kind{0, -1, TooLarge + 1} {
		if got, want := outside.String(), fmt.Sprintf("kind(%d)", int(outside)); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
}

func TestError_IsOfItsKindAndNoOther(t *testing.T) {
	cause := errors.New("cause")
	for _, kind := range Kinds() {
		err := fmt.Errorf("poll: %w", &Error{Kind: kind, Doing: "ask", Cause: cause})
		for _, other := range Kinds() {
			if errors.Is(err, other) != (kind == other) {
				t.Errorf("errors.Is(%s, %s) = %t", kind, other, kind != other)
			}
		}
		if !errors.Is(err, cause) {
			t.Errorf("%s has lost its cause", kind)
		}
	}
}

func TestError_SaysWhatWasTriedWhatCameBackAndWhereToLook(t *testing.T) {
	rows := []struct {
		err  Error
		want string
	}{
		{Error{Kind: NotFound, Doing: "ask status"}, "ask status: not_found"},
		{Error{Kind: UnknownStatus, Doing: "ask status", Raw: `A"B`}, `ask status: unknown_status ("A\"B")`},
		{Error{Kind: Misconfigured, Doing: "ask status", Detail: "HTTP 401", Setting: "login"}, "ask status: misconfigured: HTTP 401; look at the setting login"},
	}
	for _, row := range rows {
		if got := row.err.Error(); got != row.want {
			t.Errorf("error %q, want %q", got, row.want)
		}
	}
}

func TestCleanRaw_LeavesShortPrintableASCII(t *testing.T) {
	rows := []struct{ word, want string }{
		{"CHARGE", "CHARGE"}, {"", ""}, {"a\r\nb\tc\x00d\x7f", "a??b?c?d?"}, {"\u0421REATED", "?REATED"}, {"\xff\xfe", "??"},
		{strings.Repeat("x", 100), strings.Repeat("x", 64)}, {strings.Repeat("\u0421", 100), strings.Repeat("?", 64)},
	}
	for _, row := range rows {
		if got := CleanRaw(row.word); got != row.want {
			t.Errorf("CleanRaw(%q) = %q, want %q", row.word, got, row.want)
		}
	}
}
