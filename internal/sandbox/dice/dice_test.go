package dice

import (
	"regexp"
	"testing"
)

func TestRoll_IsTheSameForTheSameNames_AndInRange(t *testing.T) {
	counts := map[int]int{}
	for seed := range uint64(1000) {
		got := Roll(7, seed, "finipay", "kind")
		if got != Roll(7, seed, "finipay", "kind") {
			t.Fatalf("seed %d: two draws differ", seed)
		}
		if got < 0 || got > 6 {
			t.Fatalf("seed %d: drew %d", seed, got)
		}
		counts[got]++
	}
	for face := range 7 {
		if counts[face] < 90 || counts[face] > 200 {
			t.Errorf("face %d came %d times in 1000, want about 143", face, counts[face])
		}
	}
	if Roll(0, 1, "x") != 0 || Roll(-3, 1, "x") != 0 {
		t.Error("a die without faces must give 0")
	}
}

func TestHash_KeepsNamesApart(t *testing.T) {
	if Hash(1, "ab", "c") == Hash(1, "a", "bc") {
		t.Error("names run into each other")
	}
	if Hash(1, "a") == Hash(2, "a") {
		t.Error("the seed does not matter")
	}
}

func TestUnitAndBetween_StayInRange(t *testing.T) {
	low, high := false, false
	for seed := range uint64(2000) {
		if u := Unit(seed, "u"); u < 0 || u >= 1 {
			t.Fatalf("Unit gave %v", u)
		}
		b := Between(3, 5, seed, "b")
		if b < 3 || b > 5 {
			t.Fatalf("Between gave %d", b)
		}
		low, high = low || b == 3, high || b == 5
	}
	if !low || !high {
		t.Error("Between never reached one of its ends")
	}
	if Between(4, 4, 1, "b") != 4 || Between(9, 4, 1, "b") != 9 {
		t.Error("an empty span must give its low end")
	}
}

func TestUUID_HasTheFormOfVersion4(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for seed := range uint64(500) {
		id := UUID(seed, "payment")
		if !form.MatchString(id) {
			t.Fatalf("%q is no UUID", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
	if got := Hex(5, 1, "x"); len(got) != 5 {
		t.Errorf("Hex(5) gave %q", got)
	}
}
