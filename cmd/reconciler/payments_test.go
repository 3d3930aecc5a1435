package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// createLine is a good `payments create` with some flags set otherwise; an empty
// value leaves a flag out.
func createLine(other map[string]string) []string {
	flags := map[string]string{
		"config": "gone.yaml", "payment": "p-1", "merchant": "m-1", "provider": "finipay",
		"reference": "order_number=ORDER-1", "amount": "33.00", "currency": "USD",
	}
	maps.Copy(flags, other)
	args := []string{"payments", "create"}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if flags[name] != "" {
			args = append(args, "--"+name, flags[name])
		}
	}
	return args
}

func TestCreate_RefusesBadFlagsNamingTheField(t *testing.T) {
	for name, c := range map[string]struct {
		flags map[string]string
		want  string
	}{
		"no payment":                 {map[string]string{"payment": ""}, "payment_id is empty"},
		"no merchant":                {map[string]string{"merchant": ""}, "merchant_id is empty"},
		"id too long":                {map[string]string{"payment": strings.Repeat("x", 129)}, "payment_id is longer"},
		"no provider":                {map[string]string{"provider": ""}, "provider is empty"},
		"no reference":               {map[string]string{"reference": ""}, "reference is missing"},
		"reference without a value":  {map[string]string{"reference": "order_number"}, "reference"},
		"negative amount":            {map[string]string{"amount": "-3.00"}, "amount"},
		"over-precise amount":        {map[string]string{"amount": "3.001"}, "amount"},
		"unknown currency":           {map[string]string{"currency": "XYZ"}, "currency"},
		"expiry before now":          {map[string]string{"expires-in": "-1h"}, "--expires-in"},
		"file beside flags":          {map[string]string{"file": "event.json"}, "--file"},
		"sandbox beside reference":   {map[string]string{"sandbox": "http://127.0.0.1:1"}, "--reference"},
		"life without sandbox":       {map[string]string{"life": "charged"}, "--life"},
		"sandbox that is no address": {map[string]string{"sandbox": "http://[", "reference": ""}, "--sandbox"},
		"expiry that is no duration": {map[string]string{"expires-in": "tomorrow"}, "expires-in"},
		"provider with a zero byte":  {map[string]string{"provider": "a\x00b"}, "provider"},
	} {
		t.Run(name, func(t *testing.T) {
			got := execLine(t, createLine(c.flags)...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.err, c.want) {
				t.Errorf("ended with %d, %q and %q, want 2 and a word about %q", got.code, got.out, got.err, c.want)
			}
		})
	}
}

func TestCreate_ReadsTheFileBeforeItConnects(t *testing.T) {
	got := execLine(t, "payments", "create", "--file", "gone.json", "--config", "gone.yaml")
	if got.code != 1 || !strings.Contains(got.err, "gone.json") {
		t.Errorf("ended with %d and %q, want 1 and the file's name", got.code, got.err)
	}
}

func TestCreate_SaysWhatToDoWhereTheBrokerTakesNoClients(t *testing.T) {
	t.Setenv("TEST_PASSWORD", "x")
	t.Setenv("TEST_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	file := strings.NewReplacer("{file: password}", "{env: TEST_PASSWORD}", "{file: hook}", "{env: TEST_HOOK}").Replace(goodFile)
	got := execLine(t, createLine(map[string]string{"config": write(t, "good.yaml", file)})...)
	if got.code != 1 || !strings.Contains(got.err, "nats.listen") {
		t.Errorf("ended with %d and %q, want 1 and a word about nats.listen", got.code, got.err)
	}
}
