package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestExcerpt_KeepsWhatIsReadable_AndEscapesTheRest(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"empty", "", ""},
		{"JSON", `{"error":"it's \"bad\""}`, `{"error":"it's \\"bad\\""}`},
		{"letters of all kinds", "Оплата принята ✓ 支付", "Оплата принята ✓ 支付"},
		{"line breaks and tabs", "a\r\n\tb", `a\r\n\tb`},
		{"terminal escapes", "\x1b[2Jgone\x07", `\x1b[2Jgone\a`},
		{"zero and delete", "\x00\x7f", `\x00\x7f`},
		{"C1 controls", "\u0085\u009b", `\u0085\u009b`},
		{"direction and invisible marks", "\u202e\u200b\ufeff\u2028", `\u202e\u200b\ufeff\u2028`},
		{"no UTF-8", "a\xff\xc3(", `a\xff\xc3(`},
		{"replacement character as such", "\ufffd", "\ufffd"},
		{"unfinished character at the end", "a\xe2\x82", `a\xe2\x82`},
		{"cut at 1 KiB", strings.Repeat("x", 2000), strings.Repeat("x", 1024)},
		{"cut through a character", strings.Repeat("x", 1023) + "€", strings.Repeat("x", 1023)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Excerpt([]byte(tt.answer)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzExcerpt(f *testing.F) {
	for _, seed := range []string{"ok", "\x1b[0m", "\u202e\u2066", "\xff\xfe", strings.Repeat("€", 400), "a\\n", "\u0080"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		got := Excerpt(answer)
		if !utf8.ValidString(got) || len(got) > 4*maxExcerpt {
			t.Fatalf("%d bytes of %q", len(got), got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Fatalf("%U survives in %q", r, got)
			}
		}
	})
}

func TestRetryAfter_ReadsSecondsAndDates(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name, value string
		want        time.Duration
	}{
		{"absent", "", 0},
		{"seconds", "120", 2 * time.Minute},
		{"seconds with spaces", " 120 ", 2 * time.Minute},
		{"zero", "0", 0},
		{"leading zeros", "007", 7 * time.Second},
		{"over 30 days", "2592001", longestWait},
		{"over every integer", strings.Repeat("9", 40), longestWait},
		{"negative", "-5", 0},
		{"plus", "+5", 0},
		{"fraction", "1.5", 0},
		{"words", "soon", 0},
		{"date", now.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{"old date form", now.Add(time.Hour).Format(time.ANSIC), time.Hour},
		{"past date", now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"this moment", now.Format(http.TimeFormat), 0},
		{"far date", now.AddDate(300, 0, 0).Format(http.TimeFormat), longestWait},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := RetryAfter(tt.value, now); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "-1", "Sat, 21 Nov 2026 10:00:00 GMT", "Saturday, 21-Nov-26 10:00:00 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if got := RetryAfter(value, now); got < 0 || got > longestWait {
			t.Errorf("%v for %q", got, value)
		}
	})
}
