package plant

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// reopens is the test of guard that fails with the plant "reopen-never-later".
const reopens = "-test.run=^TestGuard_ReopenTimeGrows_AndBeginsAnewAfterAClosingThatLasted$"

func TestBuild_MakesABinaryWithTheFaults_AndWithoutThem(t *testing.T) {
	binary, err := Build(t.Context(), root, "./internal/guard", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Run(t.Context(), binary, "reopen-never-later", reopens)
	if err != nil || !c.Failed || !strings.Contains(string(c.Output), "--- FAIL: TestGuard_ReopenTimeGrows") {
		t.Errorf("with its fault: %v, %v\n%s", c.Failed, err, c.Output)
	}
	c, err = Run(t.Context(), binary, "ack-first", reopens)
	if err != nil || c.Failed {
		t.Errorf("with a fault elsewhere: %v, %v\n%s", c.Failed, err, c.Output)
	}
}

func TestBuild_TellsWhatTheCompilerSays(t *testing.T) {
	_, err := Build(t.Context(), root, "./internal/nowhere", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
}

// TestWorld is what the tests of Run run: this binary again, with a fault planted.
func TestWorld(t *testing.T) {
	name := os.Getenv(Variable)
	if name == "" {
		t.Skip("it is run by other tests")
	}
	say := func(words string) { _, _ = fmt.Fprintln(os.Stderr, words) }
	switch name {
	case "out-of-order":
		say("    world_test.go:7: seed 1: quiet\n    world_test.go:7: seed 2: 12 payments")
		say("    world_test.go:9: violation of rule 5: version 2 came before version 1\nviolation of rule 1: x\nviolation of rule 5: y\nseed 3: quiet")
		t.Fail()
	case "filter-ignored":
		say("seed 8: quiet\nseed 8: again\nseed 9: quiet")
	case "money-as-text":
		say("seed 1: 12 payments\nviolation of rule 9: not its own")
		t.Fail()
	case "drop-not-found,sweep-ignores-missing":
		t.Fatal("it never came to rest")
	case "hint-before-floor":
		say("seed 1: begins")
		<-time.NewTimer(time.Hour).C
	}
}

func TestRun_TellsWhatBecameOfTheFault(t *testing.T) {
	for _, c := range []struct {
		plant string
		want  Caught
	}{
		{"out-of-order", Caught{Failed: true, Rules: []int{1, 5}, Seeds: 2, Expected: true}},
		{"filter-ignored", Caught{Seeds: 2}},
		{"money-as-text", Caught{Failed: true, Rules: []int{9}, Seeds: 1}},
		{"drop-not-found", Caught{Failed: true}},
	} {
		t.Run(c.plant, func(t *testing.T) {
			got, err := Run(t.Context(), os.Args[0], c.plant, "-test.run=^TestWorld$")
			if err != nil {
				t.Fatal(err)
			}
			out := got.Output
			got.Output, got.Took = nil, 0
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v\n%s", got, c.want, out)
			}
		})
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	c, err := Run(ctx, os.Args[0], "hint-before-floor", "-test.run=^TestWorld$")
	if err != nil || !c.Timeout || !c.Failed || len(c.Rules) > 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestRun_Refuses_WhatItCantBegin(t *testing.T) {
	if _, err := Run(t.Context(), os.Args[0], "no-such-plant"); err == nil {
		t.Error("it ran with a plant that is none")
	}
	if _, err := Run(t.Context(), "./no-such-binary", "ack-first"); err == nil {
		t.Error("it ran no binary")
	}
}
