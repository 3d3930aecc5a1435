package uapay

import (
	"errors"
	"strings"

	"reconciler/internal/providers"
)

// errTooOld marks an answer that calls our request too old.
var errTooOld = errors.New("the request's time stamp was refused")

// codeTimeLimit is the only error code that UAPAY documents (quick start).
const codeTimeLimit = "TIMELIMIT_ERROR"

// errorRow is one line of the table of error codes.
type errorRow struct {
	providers.Row
	// contains: the code holds Raw somewhere, rather than being equal to it. No
	// list of codes is published, so most rows match by the word that gives
	// the meaning away.
	contains bool
	// field: the row holds for any code that comes with this entry of error.fields.params.
	field string
	// setting is the account's setting to look at.
	setting string
	// cause marks what the adapter itself reacts to.
	cause error
}

// errorTable says what an error object means; the first row that fits counts.
// The words are read in upper case. What fits no row is an unknown status: no
// payment changes, and somebody is told.
var errorTable = []errorRow{
	{Row: errorWord(codeTimeLimit, providers.Misconfigured, "more than 20 s between iat and arrival; asked once more before", documented), setting: "clock", cause: errTooOld},
	{Row: errorWord("params.sessionId", providers.Misconfigured, "the session is refused; fetched anew before", inferred), field: "sessionId", setting: "client_id", cause: errSessionRefused},
	{Row: errorWord("SESSION", providers.Misconfigured, "the session is refused; fetched anew before", inferred), contains: true, setting: "client_id", cause: errSessionRefused},
	{Row: errorWord("NOT_FOUND", providers.NotFound, "not known; no code is documented", inferred), contains: true},
	{Row: errorWord("params.clientId", providers.Misconfigured, "the client is refused", inferred), field: "clientId", setting: "client_id"},
	{Row: errorWord("params.paymentId", providers.InvalidReference, "the payment's id is refused", inferred), field: "paymentId"},
	{Row: errorWord("params.invoiceId", providers.InvalidReference, "the invoice's id is refused", inferred), field: "invoiceId"},
	{Row: errorWord("params.id", providers.InvalidReference, "the invoice's id is refused", inferred), field: "id"},
	{Row: errorWord("NOT_ALLOWED", providers.Misconfigured, "word of the sister product Escrow Box", inferred), contains: true, setting: "client_id"},
	{Row: errorWord("AUTH", providers.Misconfigured, "any code about authorization", inferred), contains: true, setting: "client_id"},
	{Row: errorWord("SIGN", providers.Misconfigured, "any code about the signature", inferred), contains: true, setting: "secret"},
	{Row: errorWord("TOKEN", providers.Misconfigured, "any code about the token", inferred), contains: true, setting: "secret"},
}

func errorWord(raw string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: "error", Kind: kind, Words: words, Mark: mark}
}

// errorAnswer reads the error object error{code, message?, fields?{params?}}.
// The message is free text and is not read.
func errorAnswer(m method, envelope providers.Object) *providers.Error {
	object, err := envelope.Object("error")
	if err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	code, err := object.Code("code")
	if err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	raw := providers.CleanRaw(code)
	for _, row := range errorTable {
		if row.fits(code, object) {
			return &providers.Error{Kind: row.Kind, Doing: m.doing(), Detail: row.Words, Raw: raw, Setting: row.setting, Cause: row.cause}
		}
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: m.doing(), Detail: "the error's code is in no table", Raw: raw}
}

func (r errorRow) fits(code string, object providers.Object) bool {
	code = strings.ToUpper(code)
	switch {
	case r.field != "":
		return refusesParam(object, r.field)
	case r.contains:
		return strings.Contains(code, r.Raw)
	}
	return code == r.Raw
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

// sessionNamed reports whether an answer refuses the session.
func sessionNamed(envelope providers.Object) bool {
	return envelope.Has("error") && errors.Is(errorAnswer(sessionsCreate, envelope), errSessionRefused)
}

// tooOld reports whether an answer refuses the request for its time stamp.
func tooOld(a providers.Answer) bool {
	envelope, err := providers.ReadObject(a.Body)
	return err == nil && envelope.Has("error") && errors.Is(errorAnswer(sessionsCreate, envelope), errTooOld)
}
