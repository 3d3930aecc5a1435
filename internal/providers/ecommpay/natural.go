package ecommpay

// natural compares two texts as PHP's SORT_NATURAL does (strnatcmp of PHP 8):
// runs of digits compare as numbers, white space is skipped, leading zeros
// count only at the very beginning of the text. It follows PHP in its oddities,
// because the point is to sort as PHP sorts.
func natural(a, b string) int {
	if a == "" || b == "" {
		return len(a) - len(b)
	}
	x, y := cursor{text: a}, cursor{text: b}
	x.skipZeros()
	y.skipZeros()
	for {
		x.skipSpace()
		y.skipSpace()
		if isDigit(x.here()) && isDigit(y.here()) {
			if c := digits(&x, &y); c != 0 {
				return c
			}
			if x.ended() || y.ended() {
				return ended(x, y)
			}
		}
		if x.here() != y.here() {
			return int(x.here()) - int(y.here())
		}
		x.at++
		y.at++
		if x.ended() || y.ended() {
			return ended(x, y)
		}
	}
}

// cursor is a place in a text. Behind the end it reads 0, as a C string does.
type cursor struct {
	text string
	at   int
}

func (c *cursor) here() byte {
	if c.ended() {
		return 0
	}
	return c.text[c.at]
}

func (c *cursor) ended() bool { return c.at >= len(c.text) }

func (c *cursor) skipZeros() {
	for c.here() == '0' && c.at+1 < len(c.text) && isDigit(c.text[c.at+1]) {
		c.at++
	}
}

func (c *cursor) skipSpace() {
	for c.here() == ' ' || c.here() >= '\t' && c.here() <= '\r' {
		c.at++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// ended orders two texts of which at least one has come to its end.
func ended(x, y cursor) int {
	switch {
	case x.ended() && y.ended():
		return 0
	case x.ended():
		return -1
	}
	return 1
}

// digits compares two runs of digits and moves behind them. As numbers, the
// longer run is larger and then the first difference counts; after a leading
// zero they compare as fractions, where the first difference counts at once.
func digits(x, y *cursor) int {
	fraction := x.here() == '0' || y.here() == '0'
	bias := 0
	for ; ; x.at, y.at = x.at+1, y.at+1 {
		a, b := isDigit(x.here()), isDigit(y.here())
		switch {
		case !a && !b:
			return bias
		case !a:
			return -1
		case !b:
			return 1
		case bias == 0:
			bias = int(x.here()) - int(y.here())
		}
		if fraction && bias != 0 {
			return bias
		}
	}
}
