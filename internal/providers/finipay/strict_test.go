package finipay

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// readField is a field that the adapter reads of an answer.
type readField struct {
	path string
	// answer is the answer with the field as %s, good a value that is read.
	answer, good string
	// wrong are the values of other types; a code is read as string and as
	// integer, so those are none.
	wrong []string
	// optional: null and absence are no fault.
	optional bool
	// silent: without the field the answer is in good form and tells nothing.
	silent bool
	qr     bool
}

// readFields are all of them.
func readFields() []readField {
	const (
		noText   = `5|5.0|true|[]|{}|["x"]|{"x":"x"}`
		noCode   = `5.5|1e2|true|[]|{}|["5"]|99999999999999999999`
		noAmount = `"100.00"|1e2|1E2|true|[]|{}|NaN_|100.005|-1|1` + `00000000000000000000000000000000000`
	)
	list := func(s string) []string { return strings.Split(s, "|") }
	// card is a charge in which one field is left to be filled.
	card := func(key string) string {
		var fields []string
		for _, field := range []string{`"orderNumber":"ORDER-1001"`, `"amount":100`, `"status":"CHARGE"`, `"currency":"KGS"`} {
			if !strings.HasPrefix(field, `"`+key+`"`) {
				fields = append(fields, field)
			}
		}
		return `{"code":"200","message":"OK","data":{` + strings.Join(append(fields, `"`+key+`":%s`), ",") + `}}`
	}
	return []readField{
		{path: "$.code", answer: `{"code":%s,"message":"OK","data":{"orderNumber":"ORDER-1001","amount":100,"status":"CHARGE","currency":"KGS"}}`, good: `"200"`, wrong: list(noCode)},
		{path: "$.code", answer: `{"code":%s,"message":"OK","data":"CREATED"}`, good: `100`, wrong: list(noCode), qr: true},
		{path: "$.message", answer: `{"message":%s,"code":"200","data":{"orderNumber":"ORDER-1001","amount":100,"status":"CHARGE","currency":"KGS"}}`, good: `"OK"`, wrong: list(noText), optional: true},
		{path: "$.message", answer: `{"message":%s,"code":"100","data":"CREATED"}`, good: `"OK"`, wrong: list(noText), optional: true, qr: true},
		{path: "$.data", answer: `{"code":"200","message":"OK","data":%s}`, good: `{"orderNumber":"ORDER-1001","status":"REJECT"}`, wrong: list(`5|"CHARGE"|true|[]|[{}]`), silent: true},
		{path: "$.data", answer: `{"code":"100","message":"Success","data":%s}`, good: `"CREATED"`, wrong: list(noText), silent: true, qr: true},
		{path: "$.data.status", answer: card("status"), good: `"CHARGE"`, wrong: list(noCode)},
		{path: "$.data.orderNumber", answer: card("orderNumber"), good: `"ORDER-1001"`, wrong: list(noText)},
		{path: "$.data.amount", answer: card("amount"), good: `100.00`, wrong: list(noAmount)},
		{path: "$.data.currency", answer: card("currency"), good: `"KGS"`, wrong: list(noText + `|"kgs"|"417"|""|"XXX"`)},
		{path: "$.data.refunded", answer: card("refunded"), good: `0.00`, wrong: list(noAmount), optional: true},
		{path: "$.data.refundable", answer: card("refundable"), good: `100.0`, wrong: list(noAmount), optional: true},
		{path: "$.errorCode", answer: `{"errorCode":%s}`, wrong: list(noCode), silent: true},
		{path: "$.errorCode", answer: `{"errorCode":%s}`, wrong: list(noCode), silent: true, qr: true},
		{path: "$.data.orderStatus", answer: `{"code":"200","data":{"orderNumber":"ORDER-1001","orderStatus":%s}}`, wrong: list(noCode)},
		{path: "$.orderStatus", answer: `{"code":"200","orderStatus":%s,"data":{"orderNumber":"ORDER-1001"}}`, wrong: list(noCode)},
	}
}

func (f readField) decode(t *testing.T, value string) (payment.Observation, error) {
	body := []byte(fmt.Sprintf(f.answer, strings.ReplaceAll(value, "NaN_", `"NaN"`)))
	if f.qr {
		return decodeQR(body, true)
	}
	return decodeStatus(body, cardQuery(t), false)
}

// twice gives the field two times: JSON allows it, and the last one counts.
func (f readField) twice(first, last string) string {
	key := f.path[strings.LastIndex(f.path, ".")+1:]
	return first + `,"` + key + `":` + last
}

func wantUnreadable(t *testing.T, err error, path string) {
	t.Helper()
	var problem *providers.FieldProblem
	if !errors.Is(err, providers.Unreadable) || !errors.As(err, &problem) || problem.Path != path {
		t.Errorf("error %v, want unreadable with the path %s", err, path)
	}
}

func TestDecode_NamesThePath_OfEveryFieldOfAWrongType(t *testing.T) {
	for _, f := range readFields() {
		t.Run(fmt.Sprintf("%s qr %t", f.path, f.qr), func(t *testing.T) {
			if f.good != "" {
				if obs, err := f.decode(t, f.good); err != nil || obs.Status == "" {
					t.Fatalf("the good value %s: %+v, %v", f.good, obs, err)
				}
			}
			for _, wrong := range f.wrong {
				t.Run(wrong, func(t *testing.T) {
					_, err := f.decode(t, wrong)
					wantUnreadable(t, err, f.path)
					if f.good != "" {
						_, err = f.decode(t, f.twice(f.good, wrong))
						wantUnreadable(t, err, f.path)
						if obs, err := f.decode(t, f.twice(wrong, f.good)); err != nil || obs.Status == "" {
							t.Errorf("the good value last: %+v, %v", obs, err)
						}
					}
				})
			}
		})
	}
}

func TestDecode_NullIsAsAbsent_AndNeverAZeroValue(t *testing.T) {
	for _, f := range readFields() {
		t.Run(fmt.Sprintf("%s qr %t", f.path, f.qr), func(t *testing.T) {
			obs, err := f.decode(t, "null")
			switch {
			case f.optional:
				if err != nil || obs.Status == "" {
					t.Errorf("%+v, %v; want an observation", obs, err)
				}
			case f.silent:
				if !errors.Is(err, providers.UnknownStatus) {
					t.Errorf("error %v, want %s", err, providers.UnknownStatus)
				}
			case strings.HasSuffix(f.path, ".orderStatus"):
				wantUnreadable(t, err, fieldStatus) // the field it stands in for
			default:
				wantUnreadable(t, err, f.path)
			}
		})
	}
}

// A refund's amounts are its meaning.
func TestDecodeStatus_WantsTheAmountOfARefund(t *testing.T) {
	for _, missing := range []string{"amount", "currency"} {
		body := strings.Replace(`{"code":"204","message":"REFUND","data":{"amount":100,"currency":"KGS","refunded":50,"refundable":50}}`, `"`+missing+`"`, `"x"`, 1)
		_, err := decodeStatus([]byte(body), cardQuery(t), false)
		wantUnreadable(t, err, "$.data."+missing)
	}
}
