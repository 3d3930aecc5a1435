package finipay

import (
	"net/http"

	"reconciler/internal/providers"
)

// judge reads the HTTP status; nil means that the body is the answer. Only the
// success answer is documented: which kind each refusal has is inferred from
// what such a façade and its proxies answer. method is the one that
// status_method sets, empty where the setting has no part in the request.
func judge(a providers.Answer, doing, method string) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	if err := providers.ByHTTPStatus(a, doing, "login"); err != nil {
		return err
	}
	code, told := envelopeCode(a.Body)
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

// envelopeCode gives the code of finipay's envelope; false if the body is none.
func envelopeCode(body []byte) (string, bool) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return "", false
	}
	for _, key := range []string{"code", "errorCode"} {
		if code, err := root.Code(key); err == nil {
			return code, true
		}
	}
	return "", false
}

// withoutData reads an envelope that holds no payment. Only the gateway
// family's errorCode tells what it means; every other code is unknown.
func withoutData(root providers.Object, code string) error {
	if familyCode, err := root.Code("errorCode"); err == nil {
		if r, ok := rules.Find(fieldError, familyCode, facts{}); ok {
			refuse := &providers.Error{Kind: r.Kind, Doing: doingCard, Detail: "errorCode of the gateway", Raw: providers.CleanRaw(familyCode)}
			if r.Kind == providers.Misconfigured {
				refuse.Setting = "login"
			}
			return refuse
		}
		code = familyCode
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: doingCard, Detail: "the answer holds no data", Raw: providers.CleanRaw(code)}
}
