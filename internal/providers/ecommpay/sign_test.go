package ecommpay

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/secret"
)

// vectors are signatures made by ecommpay's own SDKs: published in their tests
// (1 to 7), or made by running them (8 to 10).
func vectors() []struct{ name, key, body, want string } {
	return []struct{ name, key, body, want string }{
		{"1 nested object and frame_mode", "secret", `{"customer":{"project_id":0,"id":"sutm_id"},"card":{"pan":"4242424242424242","year":2020,"month":8,"card_holder":"John Smith","cvv":"123","save":true},"frame_mode":"popup"}`,
			"lY0LTSAzpR7zGce5qfYGacOuYlHGWqkMcQlqmjlsDDZI2gVcE1qVeWANnkIR7mdOqRXJnL1kO0lUmkQ0YYLWRg=="},
		{"2 true", "qwerty", `{"project_id":11,"payment_currency":"EUR","frame_mode":"popup","some_bool_param":true,"two_levels_param":{"param1":1,"param2":2}}`,
			"ehwG+e+Sq6b0QEek2hmHGUFzViX9/Xfcgnh0Ysn1+AqCY8BsKhC/Vcyr4XH8CKXW3iS0vW9S2mTwOt/0Ozf5pg=="},
		{"3 lists in lists and null", "qwerty", `{"payment":{"id":"test-payment"},"errors":[{"code":"123","message":"grand crash","description":["description-str",{"description1":1}]},{"code":"456","message":"minor crash","description":null}]}`,
			"dxjnun8oySSl0CWlhhjy/k1V9CZcCtaHvu/Y5qJQbWHq8wd6TqTUt4bIfHrlWxT8ba9NOJfkgGHrGc5OgyQVGA=="},
		{"4 dash in a key", "qwerty", `{"payment":{"id":"test.test-payment","status":"success","valid":true},"some-data":1234,"frame_mode":"popup"}`,
			"Z0YwpWdNwBspA/6wicHVr4f6n0xMFuyZnAlIxnO86Zu/EIo3FZUEntClEVjulKpBrVF+HlyPEK1X41iCjbFgWg=="},
		{"5 zeros in front", "secret", `{"payment":{"id":"000049","status":"success"}}`,
			"/3TrhHVz9BHaLfgLyhoxO7dsQNzbzZa/TdO3pxQocXWwgVM6tGlzMLVfpOxFNTnkR9iiFVK/77ZedMcbkCjmng=="},
		{"6 short", "qwerty", `{"payment":{"id":"11","status":"success"}}`,
			"Rk9xmCfiv/BJbVrCz+oazsOOuiMqrktLVXruRLM9WJ2zmYvufwOS7uxz5Pd36kfKPqbBwKZjMs/EEzF/VsbbNw=="},
		{"7 signature in general, empty lists", "123", `{"general":{"signature":"Cm0L/+dLPg6Au/jEG0yr1FktzA1QwojRp95R9o5O4Wxx6MzjwTrso5B4rBXekM/fp5znut0WVGLFGG+TtJjuHQ=="},"redirectData":{"method":"GET","body":[],"encrypted":[],"url":"url data"},"payment":{"id":"qwerty123"}}`,
			"Cm0L/+dLPg6Au/jEG0yr1FktzA1QwojRp95R9o5O4Wxx6MzjwTrso5B4rBXekM/fp5znut0WVGLFGG+TtJjuHQ=="},
		{"8 twelve operations, Go and Python", "secret", twelve(), "uaoi35CN7R7W8bjkwawg5yGPXLypT20xNNmIFtXcpB7kYzbfAWW2gLpzA2yAXrFDU2Ui0uHWceFqJ0Cyj595SA=="},
		{"8 twelve operations, JavaScript and PHP", "secret", twelve(), "NFNUxniDKy1DTghXUwpDTt7aVP6xbF1tbkdmQ5VePQtKN1W5csGd5xb0hu32TuPoC1rIsAF58obhKL6Zbk5Tnw=="},
		{"9 Unicode, slash, null, empty", "secret", vector9, "/vSMR3z2Zh0kpw266GKYOrkbeC/1J8dpFGsc/aRmt7HuVSigK+0PlvYnlQp5vOLCd+LHpH2+6Tx3znTckS1PRA=="},
		{"10 our request", "secret", `{"general":{"project_id":50,"payment_id":"ORDER_ID_302bis"}}`,
			"bmkl4gbumE6ZIZnjz6TzwcVjFh9Ysbxfn4vdXd0Sdhp6AbbuuvHGuDgVpwRAhBLGoQwQpuxQgTKSaRxYjMiJJw=="},
	}
}

const vector9 = `{"project_id":50,"payment":{"id":"Заказ/№7","status":"success","sum":{"amount":3300,"currency":"USD"},"description":""},"customer":{},"account":null,"operations":[]}`

func twelve() string {
	var operations []string
	for i := range 12 {
		kind := "refund"
		if i == 0 {
			kind = "sale"
		}
		operations = append(operations, fmt.Sprintf(`{"id":%d,"type":%q,"status":"success","code":"0"}`, 1000+i, kind))
	}
	return `{"project_id":50,"payment":{"id":"P-11","status":"partially refunded"},"operations":[` + strings.Join(operations, ",") + `]}`
}

func TestVerify_AcceptsTheSDKsVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			if err := verify(secret.New(v.key), []byte(v.body), v.want); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSign_MakesTheVectorsOfOneOrder(t *testing.T) {
	for _, v := range vectors() {
		if strings.HasPrefix(v.name, "8") {
			continue
		}
		lines, err := flatten([]byte(v.body))
		if err != nil {
			t.Fatal(err)
		}
		for i, by := range orders() {
			if got := encode(sign(secret.New(v.key), canonical(lines, by))); got != v.want {
				t.Errorf("%s, order %d: %s", v.name, i, got)
			}
		}
	}
}

func TestCanonical_EqualsThePublishedText(t *testing.T) {
	rows := []struct{ name, body, want string }{
		{"the SDK's own", `{"a":{"b":1111111111111111,"c":2},"d":false,"f":["g",{"h":7,"i":{"k":8}}],"e":[4,5],"j":null}`,
			"a:b:1111111111111111;a:c:2;d:0;e:0:4;e:1:5;f:0:g;f:1:h:7;f:1:i:k:8;j:"},
		{"vector 9", vector9, "account:;payment:description:;payment:id:Заказ/№7;payment:status:success;payment:sum:amount:3300;payment:sum:currency:USD;project_id:50"},
		{"colon in a key", `{"a:b":{"c:d":1}}`, "a::b:c::d:1"},
		{"number beyond 2^53", `{"id":9007199254740993}`, "id:9007199254740993"},
		{"fraction as written", `{"n":10.0}`, "n:10.0"},
		{"escapes undone", `{"s":"a\/b\u0041\n"}`, "s:a/bA\n"},
		{"signature at every level", `{"signature":"x","a":{"signature":"y","b":[{"signature":"z","c":1}]}}`, "a:b:0:c:1"},
		{"frame_mode at every level", `{"a":{"frame_mode":"x","b":true}}`, "a:b:1"},
		{"nothing at all", `{"a":{},"b":[]}`, ""},
		{"the last of two keys", `{"a":1,"a":2}`, "a:2"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			lines, err := flatten([]byte(row.body))
			if err != nil {
				t.Fatal(err)
			}
			for i, by := range orders() {
				if got := canonical(lines, by); got != row.want {
					t.Errorf("order %d: %q", i, got)
				}
			}
		})
	}
}

func TestOrders_DifferWhereTheSDKsDo(t *testing.T) {
	rows := []struct {
		name                string
		body                string
		natural, path, line string
	}{
		{"eleven items", `{"o":[0,1,2,3,4,5,6,7,8,9,10]}`,
			"o:0:0;o:1:1;o:2:2;o:3:3;o:4:4;o:5:5;o:6:6;o:7:7;o:8:8;o:9:9;o:10:10",
			"o:0:0;o:1:1;o:10:10;o:2:2;o:3:3;o:4:4;o:5:5;o:6:6;o:7:7;o:8:8;o:9:9",
			"o:0:0;o:10:10;o:1:1;o:2:2;o:3:3;o:4:4;o:5:5;o:6:6;o:7:7;o:8:8;o:9:9"},
		{"a key that goes on with a digit", `{"id":"a","id2":"b"}`, "id:a;id2:b", "id:a;id2:b", "id2:b;id:a"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			lines, err := flatten([]byte(row.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, pair := range map[string][2]string{
				"natural": {canonical(lines, byNaturalPath), row.natural},
				"path":    {canonical(lines, byPath), row.path},
				"line":    {canonical(lines, byLine), row.line},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s order: %s\nwant %s", name, pair[0], pair[1])
				}
			}
		})
	}
}

// The third order, of whole lines, is in no vector: it differs where a key goes
// on with a digit.
func TestVerify_AcceptsEveryOrder(t *testing.T) {
	key := secret.New("k")
	for _, body := range []string{
		`{"o":[0,1,2,3,4,5,6,7,8,9,10]}`, `{"id":"a","id2":"b"}`, `{"o":[0,1,2,3,4,5,6,7,8,9,10],"id":"a","id2":"b","id-3":"c"}`,
	} {
		lines, err := flatten([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for i, by := range []order{byNaturalPath, byPath, byLine} {
			if err := verify(key, []byte(body), encode(sign(key, canonical(lines, by)))); err != nil {
				t.Errorf("%s in order %d: %v", body, i, err)
			}
		}
	}
	lines := []line{{"a", "1"}, {"b", "2"}}
	backwards := func(a, b line) int { return byPath(b, a) }
	if err := verify(key, []byte(`{"a":1,"b":2}`), encode(sign(key, canonical(lines, backwards)))); !errors.Is(err, errWrongSignature) {
		t.Errorf("in an order of nobody: %v", err)
	}
}

func TestVerify_Refuses(t *testing.T) {
	body := `{"payment":{"id":"11","status":"success"}}`
	good := vectors()[5].want
	rows := []struct {
		name, body, signature string
		want                  error
	}{
		{"no signature", body, "", errUnsigned},
		{"another status", strings.Replace(body, "success", "decline", 1), good, errWrongSignature},
		{"another type of the same text", `{"payment":{"id":"11","status":"success","paid":null}}`, good, errWrongSignature},
		{"another order of bytes", body, good[1:] + good[:1], errWrongSignature},
		{"cut signature", body, good[:84], errWrongSignature},
		{"line break", body, good[:44] + "\n" + good[44:], errWrongSignature},
		{"no padding", body, good[:86], errWrongSignature},
		{"URL alphabet", body, strings.ReplaceAll(good, "/", "_"), errWrongSignature},
		{"deep nesting", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), good, errTooMuch},
		{"long paths", `{"` + strings.Repeat("k", 100_000) + `":[` + strings.Repeat("1,", 1000) + `1]}`, good, errTooMuch},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := verify(secret.New("qwerty"), []byte(row.body), row.signature); !errors.Is(err, row.want) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
		})
	}
}

func TestNatural_ComparesAsPHPDoes(t *testing.T) {
	// Sorted as PHP 8's strnatcmp sorts them; neighbours in one row are equal.
	rows := [][]string{
		{"img1", "img2", "img10", "img12"},
		{"operations:2:id", "operations:10:id"},
		{"a:1:b:9", "a:1:b:10", "a:2:b:1"},
		{"1.001", "1.010", "1.02", "1.1", "1.3"}, // after a leading zero digits count as a fraction
		{"", "a"},
		{"a", "a1", "a2", "ab"},
		{"id", "id2", "id_x"},
		{"9", "0010", "11"}, // zeros at the very beginning do not count
		{"x 1", "x2", "x 3"},
		{"a:9007199254740993", "a:90071992547409930"},
	}
	for _, row := range rows {
		for i := range row {
			for j := range row {
				got := natural(row[i], row[j])
				if i < j && got >= 0 || i > j && got <= 0 || i == j && got != 0 {
					t.Errorf("natural(%q, %q) = %d", row[i], row[j], got)
				}
			}
		}
	}
	if natural("007", "7") != 0 || natural("x 1", "x1") != 0 {
		t.Error("leading zeros or spaces count")
	}
}

// Lines come out of a map, so only an order without a circle and without two
// different lines in one place makes the same text each time.
func TestByNaturalPath_PutsAnyLinesInOneOrder(t *testing.T) {
	paths := []string{""}
	for i := 0; len(paths) < 259; i++ { // all of up to 3 characters
		for _, c := range "012a :" {
			paths = append(paths, paths[i]+string(c))
		}
	}
	before := make([][]bool, len(paths))
	for i, a := range paths {
		before[i] = make([]bool, len(paths))
		for j, b := range paths {
			compared := byNaturalPath(line{path: a}, line{path: b})
			before[i][j] = compared < 0
			if (compared == 0) != (i == j) {
				t.Errorf("%q and %q: %d", a, b, compared)
			}
		}
	}
	for i := range paths {
		for j := range paths {
			for k := range paths {
				if before[i][j] && before[j][k] && !before[i][k] {
					t.Fatalf("%q before %q before %q, and not before it", paths[i], paths[j], paths[k])
				}
			}
		}
	}
}
