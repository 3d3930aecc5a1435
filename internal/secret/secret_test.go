package secret

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestText_NeverShowsItsValue_HoweverItIsPrinted(t *testing.T) {
	const value = "hunter2"
	type holder struct {
		Password Text
		Pointer  *Text
		List     []Text
	}
	text := New(value)
	h := holder{Password: text, Pointer: &text, List: []Text{text}}
	hidden := struct {
		password Text
		nested   struct{ list []Text }
	}{password: text}
	hidden.nested.list = []Text{text}

	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{
		string(encoded), text.String(), text.LogValue().String(),
		fmt.Sprint(h), fmt.Sprintf("%v %+v %#v %s %q %x", h, h, h, text, text, text),
		fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden), fmt.Sprintf("%+v", &hidden),
		fmt.Errorf("call failed: %w %v", fmt.Errorf("%v", text), h).Error(),
	}
	for _, p := range printed {
		if strings.Contains(p, value) || strings.Contains(p, fmt.Sprintf("%x", value)) {
			t.Errorf("the secret shows in %q", p)
		}
	}
	if text.Reveal() != value {
		t.Errorf("Reveal() = %q, want %q", text.Reveal(), value)
	}
}
