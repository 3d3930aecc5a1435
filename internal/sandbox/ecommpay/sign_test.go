package ecommpay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/sandbox/wire"
)

func document(t testing.TB, body string) map[string]any {
	t.Helper()
	d, err := wire.ReadObject([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return d
}

// The vectors published with the provider's SDKs (1 to 7), and made by running
// the SDKs (9, 10).
func TestSignature_ReproducesThePublishedVectors(t *testing.T) {
	rows := []struct{ name, key, body, want string }{
		{"1, PHP and JS SDK", "secret",
			`{"customer":{"project_id":0,"id":"sutm_id"},"card":{"pan":"4242424242424242","year":2020,"month":8,"card_holder":"John Smith","cvv":"123","save":true},"frame_mode":"popup"}`,
			"lY0LTSAzpR7zGce5qfYGacOuYlHGWqkMcQlqmjlsDDZI2gVcE1qVeWANnkIR7mdOqRXJnL1kO0lUmkQ0YYLWRg=="},
		{"2, Go SDK", "qwerty",
			`{"project_id":11,"payment_currency":"EUR","frame_mode":"popup","some_bool_param":true,"two_levels_param":{"param1":1,"param2":2}}`,
			"ehwG+e+Sq6b0QEek2hmHGUFzViX9/Xfcgnh0Ysn1+AqCY8BsKhC/Vcyr4XH8CKXW3iS0vW9S2mTwOt/0Ozf5pg=="},
		{"3, Python SDK: lists in lists, null", "qwerty",
			`{"payment":{"id":"test-payment"},"errors":[{"code":"123","message":"grand crash","description":["description-str",{"description1":1}]},{"code":"456","message":"minor crash","description":null}]}`,
			"dxjnun8oySSl0CWlhhjy/k1V9CZcCtaHvu/Y5qJQbWHq8wd6TqTUt4bIfHrlWxT8ba9NOJfkgGHrGc5OgyQVGA=="},
		{"4, Java SDK", "qwerty",
			`{"payment":{"id":"test.test-payment","status":"success","valid":true},"some-data":1234,"frame_mode":"popup"}`,
			"Z0YwpWdNwBspA/6wicHVr4f6n0xMFuyZnAlIxnO86Zu/EIo3FZUEntClEVjulKpBrVF+HlyPEK1X41iCjbFgWg=="},
		{"5, PHP SDK callback", "secret", `{"payment":{"id":"000049","status":"success"}}`,
			"/3TrhHVz9BHaLfgLyhoxO7dsQNzbzZa/TdO3pxQocXWwgVM6tGlzMLVfpOxFNTnkR9iiFVK/77ZedMcbkCjmng=="},
		{"6, Go SDK callback", "qwerty", `{"payment":{"id":"11","status":"success"}}`,
			"Rk9xmCfiv/BJbVrCz+oazsOOuiMqrktLVXruRLM9WJ2zmYvufwOS7uxz5Pd36kfKPqbBwKZjMs/EEzF/VsbbNw=="},
		{"7, signature inside general, empty lists", "123",
			`{"general":{"signature":"Cm0L/+dLPg6Au/jEG0yr1FktzA1QwojRp95R9o5O4Wxx6MzjwTrso5B4rBXekM/fp5znut0WVGLFGG+TtJjuHQ=="},"redirectData":{"method":"GET","body":[],"encrypted":[],"url":"url data"},"payment":{"id":"qwerty123"}}`,
			"Cm0L/+dLPg6Au/jEG0yr1FktzA1QwojRp95R9o5O4Wxx6MzjwTrso5B4rBXekM/fp5znut0WVGLFGG+TtJjuHQ=="},
		{"9, Unicode, slash, null, empty", "secret",
			`{"project_id":50,"payment":{"id":"Заказ/№7","status":"success","sum":{"amount":3300,"currency":"USD"},"description":""},"customer":{},"account":null,"operations":[]}`,
			"/vSMR3z2Zh0kpw266GKYOrkbeC/1J8dpFGsc/aRmt7HuVSigK+0PlvYnlQp5vOLCd+LHpH2+6Tx3znTckS1PRA=="},
		{"10, a status request", "secret", `{"general":{"project_id":50,"payment_id":"ORDER_ID_302bis"}}`,
			"bmkl4gbumE6ZIZnjz6TzwcVjFh9Ysbxfn4vdXd0Sdhp6AbbuuvHGuDgVpwRAhBLGoQwQpuxQgTKSaRxYjMiJJw=="},
		{"the documented request, key golden-secret", "golden-secret", `{"general":{"project_id":4711,"payment_id":"gold-e1"}}`,
			"ulZ/ZdGoDPaVtVOwIvA3mpaMdT7LvYom65snrjyyNnbjkn9/M064IopHWOz8/ewiMkNtFt8LbveGlROFQYGJ2Q=="},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := document(t, row.body)
			for name, sorted := range map[string]order{"byte order": byteOrder, "natural order": naturalOrder} {
				if got := signature(d, row.key, sorted); got != row.want {
					t.Errorf("%s: %s over %s", name, got, toSign(d, sorted))
				}
			}
			if !verify(d, row.key, row.want) || verify(d, row.key+"x", row.want) || verify(d, row.key, "") {
				t.Error("verify does not decide by the key")
			}
		})
	}
}

func TestToSign_IsTheTextTheSDKsSign(t *testing.T) {
	rows := []struct{ body, want string }{
		{`{"a":{"b":1111111111111111,"c":2},"d":false,"f":["g",{"h":7,"i":{"k":8}}],"e":[4,5],"j":null}`,
			"a:b:1111111111111111;a:c:2;d:0;e:0:4;e:1:5;f:0:g;f:1:h:7;f:1:i:k:8;j:"},
		{`{"project_id":50,"payment":{"id":"Заказ/№7","status":"success","sum":{"amount":3300,"currency":"USD"},"description":""},"customer":{},"account":null,"operations":[]}`,
			"account:;payment:description:;payment:id:Заказ/№7;payment:status:success;payment:sum:amount:3300;payment:sum:currency:USD;project_id:50"},
		{`{"a:b":1,"n":9007199254740993,"f":10.50,"frame_mode":"x","in":{"frame_mode":"y","signature":"z"}}`,
			"a::b:1;f:10.50;n:9007199254740993"},
	}
	for _, row := range rows {
		if got := toSign(document(t, row.body), byteOrder); got != row.want {
			t.Errorf("%s\n signs %s\n  want %s", row.body, got, row.want)
		}
	}
}

// Vector 8 and golden E8: with more than ten operations the SDKs disagree.
func TestSignature_TwelveOperations_DependOnTheOrder(t *testing.T) {
	list := func(first int, item func(i int) string) string {
		var items []string
		for i := range 12 {
			items = append(items, fmt.Sprintf(`{"id":%d,%s}`, first+i, item(i)))
		}
		return strings.Join(items, ",")
	}
	kind := func(i int) string {
		if i == 0 {
			return "sale"
		}
		return "refund"
	}
	probe := `{"project_id":50,"payment":{"id":"P-11","status":"partially refunded"},"operations":[` +
		list(1000, func(i int) string { return fmt.Sprintf(`"type":%q,"status":"success","code":"0"`, kind(i)) }) + `]}`
	golden := `{"project_id":4711,"payment":{"id":"gold-e8","type":"purchase","status":"partially refunded","date":"2026-02-03T10:05:00+0000","method":"card","sum":{"amount":12000,"currency":"EUR"},"description":"t"},"customer":{"id":"c-1"},"operations":[` +
		list(2000, func(i int) string {
			amount := 100
			if i == 0 {
				amount = 12000
			}
			return fmt.Sprintf(`"type":%q,"status":"success","sum_initial":{"amount":%d,"currency":"EUR"},"code":"0"`, kind(i), amount)
		}) + `]}`
	rows := []struct{ name, key, body, bytes, natural string }{
		{"8", "secret", probe,
			"uaoi35CN7R7W8bjkwawg5yGPXLypT20xNNmIFtXcpB7kYzbfAWW2gLpzA2yAXrFDU2Ui0uHWceFqJ0Cyj595SA==",
			"NFNUxniDKy1DTghXUwpDTt7aVP6xbF1tbkdmQ5VePQtKN1W5csGd5xb0hu32TuPoC1rIsAF58obhKL6Zbk5Tnw=="},
		{"E8", "golden-secret", golden,
			"H3j/3+0T5M28bT8pFbD/McTdAdfDBVeUWLmEYQ6ustMIxDS3vCy5YeoYkF29eGeZdxQ0bJcMwWFknLOtGTJXZA==",
			"KEv5FqSLJtkmjc8MFgCyIqdmvxUP0cXwOG6XFH5zNUUd61VpLMb9pq7QPaIqns7hDGRV5bJ/kNgEBSqxf6nM+w=="},
	}
	for _, row := range rows {
		d := document(t, row.body)
		if got := signature(d, row.key, byteOrder); got != row.bytes {
			t.Errorf("%s in byte order: %s", row.name, got)
		}
		if got := signature(d, row.key, naturalOrder); got != row.natural {
			t.Errorf("%s in natural order: %s", row.name, got)
		}
		if !verify(d, row.key, row.bytes) || !verify(d, row.key, row.natural) {
			t.Errorf("%s: both orders must verify", row.name)
		}
	}
}

func TestSignature_TheGoldenAnswersVerify(t *testing.T) {
	files, err := filepath.Glob("testdata/E*.json")
	if err != nil || len(files) != 8 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := document(t, string(body))
		if !verify(d, "golden-secret", d["signature"].(string)) {
			t.Errorf("%s does not verify", file)
		}
		d["project_id"] = "other"
		if verify(d, "golden-secret", d["signature"].(string)) {
			t.Errorf("%s verifies with another project", file)
		}
	}
}

func TestCompareNatural(t *testing.T) {
	rows := []struct {
		a, b string
		want int
	}{
		{"operations:2:", "operations:10:", -1}, {"operations:10:", "operations:9:", 1}, {"a", "a", 0}, {"a", "b", -1},
		{"a2", "a02", 0}, {"a", "a1", -1}, {"a1b", "a1", 1}, {"id", "id2", -1}, {"x9", "xa", -1}, {"", "a", -1},
		{"a99999999999999999999", "a100000000000000000000", -1},
	}
	for _, row := range rows {
		got, back := compareNatural(row.a, row.b), compareNatural(row.b, row.a)
		if sign(got) != row.want || sign(back) != -row.want {
			t.Errorf("%q and %q: %d and back %d, want %d", row.a, row.b, got, back, row.want)
		}
	}
}

func TestSignature_IsTheSameEachTime_WhereNaturalOrderIsUndecided(t *testing.T) {
	d := document(t, `{"a2":1,"a02":2,"a002":3,"a0002":4}`)
	first := signature(d, "k", naturalOrder)
	for range 50 {
		if again := signature(d, "k", naturalOrder); again != first {
			t.Fatal("the same document was signed in two ways")
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

func FuzzSignature(f *testing.F) {
	f.Add(`{"a":{"b":1,"c":[1,2,{"d":null}]},"signature":"x"}`)
	f.Add(`{"a::":{"":""}}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := wire.ReadObject([]byte(body))
		if err != nil {
			return
		}
		one := signature(d, "k", naturalOrder)
		d["signature"] = one
		if !verify(d, "k", one) || len(one) != 88 {
			t.Errorf("%s does not verify with its own signature %q", body, one)
		}
	})
}
