package ecommpay

import (
	"slices"

	"reconciler/internal/providers"
)

// codeNotFound is the code of a payment the Gate does not know.
const codeNotFound = "3061"

// codeRow is one line of the table of error codes.
type codeRow struct {
	providers.Row
	// setting is the account's setting to look at.
	setting string
}

// codeTable says what an error answer to a status request means, by its code.
// It is for answers that tell of no payment: the codes of operations are in
// reasons.go. A code that is not here is an unknown status: no payment changes,
// and somebody is told.
var codeTable = []codeRow{
	{Row: errorCode(codeNotFound, providers.NotFound, "Transaction not found", documented)},
	{Row: errorCode("3062", providers.Throttled, "details not received, resend later", documented)},
	{Row: errorCode("2147", providers.Throttled, "lock error, resend later", documented)},
	{Row: errorCode("501", providers.Unavailable, "internal error", documented)},
	{Row: errorCode("601", providers.Unavailable, "try again", documented)},
	{Row: errorCode("602", providers.Unavailable, "network error", documented)},
	{Row: errorCode("314", providers.Unavailable, "provider not available", documented)},
	{Row: errorCode("3261", providers.Misconfigured, "invalid signature", documented), setting: "secret"},
	{Row: errorCode("3262", providers.Misconfigured, "empty signature", documented), setting: "secret"},
	{Row: errorCode("2442", providers.Misconfigured, "project not found", documented), setting: "project_id"},
	{Row: errorCode("303", providers.Misconfigured, "access denied", documented), setting: "project_id"},
	{Row: errorCode("310", providers.Misconfigured, "not allowed for the project", documented), setting: "project_id"},
	{Row: errorCode("3299", providers.Misconfigured, "the merchant's status", documented), setting: "project_id"},
	{Row: errorCode("2003", providers.Misconfigured, "invalid JSON", documented)},
	{Row: errorCode("2004", providers.Misconfigured, "Required field not provided", documented)},
	{Row: errorCode("502", providers.Misconfigured, "validation error", documented)},
	{Row: errorCode("702", providers.Misconfigured, "malformed request", documented)},
	{Row: errorCode("3024", providers.InvalidReference, "invalid payment ID", documented)},
}

func errorCode(code string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: code, Field: "code", Kind: kind, Words: words, Mark: mark}
}

// failByCode is the error an error code means.
func failByCode(ask question, code string) *providers.Error {
	raw := providers.CleanRaw(code)
	i := slices.IndexFunc(codeTable, func(r codeRow) bool { return r.Raw == code })
	if i < 0 {
		return &providers.Error{Kind: providers.UnknownStatus, Doing: ask.doing(), Detail: "the error's code is in no table", Raw: raw}
	}
	row := codeTable[i]
	return &providers.Error{Kind: row.Kind, Doing: ask.doing(), Detail: row.Words, Raw: raw, Setting: row.setting}
}
