package uapay

import (
	"errors"
	"strings"

	"reconciler/internal/providers"
)

// errTooOld marks an answer that calls our request too old.
var errTooOld = errors.New("the request's time stamp was refused")

// The codes that are matched whole. TIMELIMIT_ERROR is the only code of the
// invoicer that UAPAY documents (quick start), FORMAT_ERROR is seen in clients.
const (
	codeTimeLimit = "TIMELIMIT_ERROR"
	codeFormat    = "FORMAT_ERROR"
)

// errorRow is one line of the table of error codes.
type errorRow struct {
	providers.Row
	// contains: the code holds Raw somewhere, rather than being equal to it. No
	// list of codes is published, so most rows match by the word that gives
	// the meaning away.
	contains bool
	// param: the row holds where error.fields.params names this parameter.
	param string
	// anyCode: the parameter alone decides, whatever the code.
	anyCode bool
	// setting is the account's setting to look at.
	setting string
	// cause marks what the adapter itself reacts to.
	cause error
}

// errorTable says what an error object means; the first row that fits counts.
// The words are read in upper case. What fits no row is an unknown status: no
// payment changes, and somebody is told.
var errorTable = []errorRow{
	{Row: errorWord(codeTimeLimit, providers.Misconfigured, "created and received more than 20 seconds apart", documented), setting: "clock", cause: errTooOld},
	{Row: errorCase(codeFormat, "fields.params names sessionId, with any code", providers.Misconfigured, "the session is refused; fetched anew before", inferred), param: "sessionId", anyCode: true, setting: "client_id", cause: errSessionRefused},
	{Row: errorCase("SESSION", codeHoldsWord, providers.Misconfigured, "the session is refused; fetched anew before", inferred), contains: true, setting: "client_id", cause: errSessionRefused},
	{Row: errorCase("NOT_FOUND", codeHoldsWord, providers.NotFound, "not known; no code is documented", inferred), contains: true},
	{Row: errorCase(codeFormat, "fields.params names clientId", providers.Misconfigured, "the client is refused", client), param: "clientId", setting: "client_id"},
	{Row: errorCase(codeFormat, "fields.params names paymentId", providers.InvalidReference, "the payment's id is refused", client), param: "paymentId"},
	{Row: errorCase(codeFormat, "fields.params names invoiceId", providers.InvalidReference, "the invoice's id is refused", client), param: "invoiceId"},
	{Row: errorCase(codeFormat, "fields.params names id", providers.InvalidReference, "the invoice's id is refused", client), param: "id"},
	{Row: errorCase(codeFormat, "fields.params names none of these", providers.UnknownStatus, "what is refused is not told", unconfirmed)},
	{Row: errorCase("NOT_ALLOWED", codeHoldsWord, providers.Misconfigured, "word of the sister product Escrow Box", inferred), contains: true, setting: "client_id"},
	{Row: errorCase("AUTH", codeHoldsWord, providers.Misconfigured, "any code about authorization", inferred), contains: true, setting: "client_id"},
	{Row: errorCase("SIGN", codeHoldsWord, providers.Misconfigured, "any code about the signature", inferred), contains: true, setting: "secret"},
	{Row: errorCase("TOKEN", codeHoldsWord, providers.Misconfigured, "any code about the token", inferred), contains: true, setting: "secret"},
}

// codeHoldsWord is the case of rows with contains.
const codeHoldsWord = "the code holds this word"

func errorWord(raw string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: "error.code", Kind: kind, Words: words, Mark: mark}
}

func errorCase(raw, when string, kind providers.Kind, words, mark string) providers.Row {
	row := errorWord(raw, kind, words, mark)
	row.Case = when
	return row
}

// errorAnswer reads the error object error{code, message?, fields?{params?}}.
// The message is free text and is not read.
func errorAnswer(holder part) *providers.Error {
	object, err := holder.Object.Object("error")
	if err != nil {
		return holder.unreadable(err)
	}
	code, err := object.String("code")
	if err != nil {
		return holder.unreadable(err)
	}
	raw, doing := providers.CleanRaw(code), holder.m.doing()
	for _, row := range errorTable {
		if row.fits(code, object) {
			return &providers.Error{Kind: row.Kind, Doing: doing, Detail: row.Words, Raw: raw, Setting: row.setting, Cause: row.cause}
		}
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Detail: "the error's code is in no table", Raw: raw}
}

func (r errorRow) fits(code string, object providers.Object) bool {
	code = strings.ToUpper(code)
	switch {
	case r.param != "" && !refusesParam(object, r.param):
		return false
	case r.contains:
		return strings.Contains(code, r.Raw)
	}
	return r.anyCode || code == r.Raw
}

// refusesParam reports whether the error names one of our parameters. Fields in
// another form than the clients show are as good as absent: the code still tells.
func refusesParam(object providers.Object, name string) bool {
	fields, err := object.Object("fields")
	if err != nil {
		return false
	}
	refused, err := fields.Object("params")
	return err == nil && refused.Has(name)
}

// twice tries, and tries once more if UAPAY called the request too old: it may
// have waited on the way, and every request is signed when it is written. The
// second refusal stands, as the alarm that our clock is wrong.
func twice[T any](try func() (T, error)) (T, error) {
	got, err := try()
	if errors.Is(err, errTooOld) {
		return try()
	}
	return got, err
}
