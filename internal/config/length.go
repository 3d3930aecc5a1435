package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"reconciler/internal/retry"
)

// day is 24 hours: durations are elapsed time, not calendar days.
const day = retry.Day

func (d *decoder) duration(s spot, into *time.Duration) {
	const wanted = "a duration such as 30s, 10m, 72h or 14d"
	var text string
	switch n := s.node.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.IntegerNode:
		text = n.GetToken().Value // 0 needs no unit
	default:
		d.refuse(s.path, describe(s.node), wanted)
		return
	}
	value, err := parseDuration(text)
	if err != nil || value < 0 {
		d.refuse(s.path, repeat(text), wanted)
		return
	}
	*into = value
}

// parseDuration is time.ParseDuration with days (of 24 hours) as a unit of
// their own, first and whole: "14d", "1d12h".
func parseDuration(s string) (time.Duration, error) {
	head, tail, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	days, err := strconv.ParseUint(head, 10, 32)
	if err != nil || days > uint64(math.MaxInt64/day) {
		return 0, errors.New("no whole number of days")
	}
	var rest time.Duration
	if tail != "" {
		if rest, err = time.ParseDuration(tail); err != nil {
			return 0, err
		}
	}
	whole := time.Duration(days) * day
	if rest < 0 || rest > math.MaxInt64-whole {
		return 0, errors.New("out of range")
	}
	return whole + rest, nil
}

// length writes a duration as the file does: "14d", "1d12h", "90s" as "1m30s".
func length(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	if days := d / day; days > 0 {
		b.WriteString(strconv.FormatInt(int64(days), 10) + "d")
		d -= days * day
	}
	if d != 0 {
		text := d.String() // "1h0m0s"
		for _, none := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, none) {
				text = strings.TrimSuffix(text, none[1:])
			}
		}
		b.WriteString(text)
	}
	return b.String()
}
