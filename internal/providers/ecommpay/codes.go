package ecommpay

import "reconciler/internal/providers"

const (
	// codeField is where the codes of codeTable stand: "code" in an unsigned 4xx,
	// errors[].code under a signed 200.
	codeField = "code or errors[].code"
	// codeNotFound is the code of a payment the Gate does not know.
	codeNotFound = "3061"
)

// envelope is what an error answer is beside its code.
type envelope struct{ signed bool }

// codeTable says what an error answer to a status request means, by its code, in
// the register's words (en_platform_payment_info_codes). It is for answers that
// tell of no payment: the codes of operations are in reasonTable. A code that is
// not here is an unknown status: no payment changes, and somebody is told.
var codeTable = providers.Rules[envelope]{
	// Only a signed one may end a payment.
	{Row: cased(errorCode(codeNotFound, providers.NotFound, "Transaction not found", documented), "under a signed 200 that tells of no payment"),
		When: func(e envelope) bool { return e.signed }},
	{Row: cased(errorCode(codeNotFound, providers.UnknownStatus, "Transaction not found", inferred), "unsigned, under a 4xx")},

	{Row: errorCode("3062", providers.Throttled, "Payment details not received", inferred)},
	{Row: errorCode("2147", providers.Throttled, "Lock Error", inferred)},
	{Row: errorCode("501", providers.Unavailable, "Internal error", inferred)},
	{Row: errorCode("601", providers.Unavailable, "Try again", inferred)},
	{Row: errorCode("602", providers.Unavailable, "Network error", inferred)},
	{Row: errorCode("314", providers.Unavailable, "Provider is not available now to perform the operation", inferred)},

	{Row: errorCode("3261", providers.Misconfigured, "Invalid signature", documented)},
	{Row: errorCode("3262", providers.Misconfigured, "Empty signature", documented)},
	{Row: errorCode("2442", providers.Misconfigured, "Project ID not found", inferred)},
	{Row: errorCode("303", providers.Misconfigured, "Access denied", inferred)},
	{Row: errorCode("310", providers.Misconfigured, "This operation is not allowed by project settings", inferred)},
	{Row: errorCode("3299", providers.Misconfigured, "Sorry, the merchant status does not allow you to create an operation", inferred)},
	{Row: errorCode("2003", providers.Misconfigured, "Invalid JSON string", documented)},
	{Row: errorCode("2004", providers.Misconfigured, "Required field not provided", documented)},
	{Row: errorCode("502", providers.Misconfigured, "Validation error", documented)},
	{Row: errorCode("702", providers.Misconfigured, "Malformed request", documented)},

	{Row: errorCode("3024", providers.InvalidReference, "Invalid Payment ID", inferred)},
	// Listed because it is easily taken for a code of the lookup.
	{Row: errorCode("3003", providers.UnknownStatus, "Invalid Surname from UK merchant", documented)},
}

func errorCode(code string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: code, Field: codeField, Kind: kind, Words: words, Mark: mark}
}

// cased is the row with the case in which it holds.
func cased(r providers.Row, what string) providers.Row {
	r.Case = what
	return r
}

// settingOf names the account's setting that a code is about; "": none.
func settingOf(code string) string {
	switch code {
	case "3261", "3262":
		return "secret"
	case "2442", "303", "310", "3299":
		return "project_id"
	}
	return ""
}

// failByCode is the error an error code means.
func failByCode(ask question, code string, e envelope) *providers.Error {
	raw := providers.CleanRaw(code)
	row, ok := codeTable.Find(codeField, code, e)
	if !ok {
		return &providers.Error{Kind: providers.UnknownStatus, Doing: ask.doing(), Detail: "the error's code is in no table", Raw: raw}
	}
	return &providers.Error{Kind: row.Kind, Doing: ask.doing(), Detail: row.Words, Raw: raw, Setting: settingOf(code)}
}
