package finipay

import (
	"errors"
	"net/http"

	"reconciler/internal/providers"
)

// codeRefund is the code of the refund call's answer, which alone among them
// stands in the place of a status.
const codeRefund = "204"

// errNoData is the cause where an envelope holds no payment.
var errNoData = errors.New("the answer holds no data")

// judge reads the HTTP status; nil means that the body is the answer: no page
// says which of 2xx it comes under. Only the success answer is documented:
// which kind each refusal has is inferred from what such a façade and its
// proxies answer. method is the one that status_method sets, empty where the
// setting has no part in the request.
//
// HTTP 400 with an envelope is read as the refusal of this payment's number and
// not of the setting, though a GET whose body was dropped on the way gets the
// same: the other reading would stop an account's polls for one bad number.
func judge(a providers.Answer, doing, method string) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	if err := providers.ByHTTPStatus(a, doing, "login"); err != nil {
		return err
	}
	root, code, told := envelopeOf(a.Body)
	if told && !root.Has("code") {
		if refuse, known := gatewayError(code, doing); known {
			return refuse
		}
	}
	refuse := providers.Error{Kind: providers.Unreadable, Doing: doing, Detail: a.String(), Raw: providers.CleanRaw(code)}
	switch a.Status {
	case http.StatusNotFound:
		refuse.Kind = providers.NotFound
		if !told { // a page of some other server
			refuse.Kind, refuse.Setting = providers.Misconfigured, "base_url"
		}
	case http.StatusBadRequest:
		switch {
		case told:
			refuse.Kind = providers.InvalidReference
			if !root.Has("data") {
				refuse.Cause = errNoData
			}
			if method == http.MethodGet {
				refuse.Detail += "; an order number lost on the way looks the same: see status_method"
			}
		case method == http.MethodGet: // proxies that refuse a GET with a body
			refuse.Kind, refuse.Setting = providers.Misconfigured, "status_method"
		}
	case http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusUnsupportedMediaType:
		refuse.Kind, refuse.Setting = providers.Misconfigured, "status_method"
		if method == "" {
			refuse.Setting = "base_url"
		}
	}
	return &refuse
}

// envelopeOf gives the envelope of a refusal and its code, finipay's or the
// gateway family's; false if the body is neither.
func envelopeOf(body []byte) (root providers.Object, code string, told bool) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return providers.Object{}, "", false
	}
	for _, key := range []string{"code", "errorCode"} {
		if code, err := root.Code(key); err == nil {
			return root, code, true
		}
	}
	return providers.Object{}, "", false
}

// withoutData reads an envelope that holds no payment. Only the gateway
// family's errorCode tells what it means; every other code is unknown, those
// that the pages show among them.
func withoutData(e envelope, doing string) error {
	code := e.code
	if e.root.Has("errorCode") {
		familyCode, err := e.root.Code("errorCode")
		if err != nil {
			return err
		}
		if refuse, known := gatewayError(familyCode, doing); known {
			return refuse
		}
		code = familyCode
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Detail: errNoData.Error(), Raw: providers.CleanRaw(code), Cause: errNoData}
}

// gatewayError is what the table says of an errorCode; false: nothing.
func gatewayError(code, doing string) (*providers.Error, bool) {
	r, ok := rules.Find(fieldError, code, facts{})
	if !ok {
		return nil, false
	}
	refuse := &providers.Error{Kind: r.Kind, Doing: doing, Detail: "errorCode of the gateway", Raw: providers.CleanRaw(code)}
	if r.Kind == providers.Misconfigured {
		refuse.Setting = "login"
	}
	return refuse, true
}
