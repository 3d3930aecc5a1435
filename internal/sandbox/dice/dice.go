// Package dice gives the sandbox its repeatable chance: every draw is a pure
// function of a seed and of the names of what is drawn for, so the same seed
// makes the same payments and the same faults whatever the order in which
// goroutines ask. It holds no state and is safe for concurrent use. It is not
// for secrets.
package dice

import (
	"encoding/hex"
	"hash/fnv"
)

// Hash mixes the seed and the names into 64 evenly spread bits.
func Hash(seed uint64, names ...string) uint64 {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write([]byte(name))
		// A separator that is in no name, so that ("ab","c") and ("a","bc") differ.
		_, _ = h.Write([]byte{0xff})
	}
	return scramble(h.Sum64() ^ scramble(seed+0x9e3779b97f4a7c15))
}

// scramble is the finisher of splitmix64: FNV alone leaves the high bits of
// short names nearly constant.
func scramble(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Roll draws from 0 to n-1; 0 where n is below 1.
func Roll(n int, seed uint64, names ...string) int {
	if n < 1 {
		return 0
	}
	return int(Hash(seed, names...) % uint64(n))
}

// Between draws a whole number from low to high, both included.
func Between(low, high int64, seed uint64, names ...string) int64 {
	if high <= low {
		return low
	}
	return low + int64(Hash(seed, names...)%uint64(high-low+1))
}

// Unit draws from 0 (included) to 1 (excluded).
func Unit(seed uint64, names ...string) float64 {
	return float64(Hash(seed, names...)>>11) / (1 << 53)
}

// Hex draws text of the given number of hexadecimal digits.
func Hex(digits int, seed uint64, names ...string) string {
	raw := make([]byte, 0, digits/2+8)
	for word := Hash(seed, names...); len(raw)*2 < digits; word = scramble(word + 0x9e3779b97f4a7c15) {
		for shift := 0; shift < 64; shift += 8 {
			raw = append(raw, byte(word>>shift))
		}
	}
	return hex.EncodeToString(raw)[:digits]
}

// UUID draws an identifier in the form of RFC 9562 version 4.
func UUID(seed uint64, names ...string) string {
	h := []byte(Hex(32, seed, names...))
	h[12] = '4'
	h[16] = "89ab"[Roll(4, seed, append([]string{"variant"}, names...)...)]
	return string(h[:8]) + "-" + string(h[8:12]) + "-" + string(h[12:16]) + "-" + string(h[16:20]) + "-" + string(h[20:])
}
