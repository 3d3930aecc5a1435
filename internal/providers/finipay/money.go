package finipay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// walletCurrency is the one that wallets pay in. Their pages name none; the
// least amounts that they give are in KGS.
const walletCurrency = "KGS"

// readMoney reads the amounts, all in major units. They are required where
// money is said to have moved; elsewhere they may be absent, but not malformed.
// A wallet's commissions are no part of its amount and are not read.
func readMoney(data providers.Object, word string, f facts) (facts, error) {
	required := word == wordCharge || word == wordRefund || word == wordConfirmed && paidOnceConfirmed(f)
	if !required && !data.Has("amount") {
		return f, nil
	}
	currency, err := readCurrency(data, f.wallet)
	if err != nil {
		return facts{}, err
	}
	if f.amount, err = data.Money("amount", currency); err != nil {
		return facts{}, err
	}
	if f.refunded, err = data.OptionalMoney("refunded", currency); err != nil {
		return facts{}, err
	}
	f.refundable, err = data.OptionalMoney("refundable", currency)
	return f, err
}

func readCurrency(data providers.Object, wallet bool) (string, error) {
	if wallet && !data.Has("currency") {
		return walletCurrency, nil
	}
	currency, err := data.String("currency")
	if err != nil {
		return "", err
	}
	if _, known := payment.Exponent(currency); !known {
		return "", &providers.FieldProblem{Path: "$.data.currency", Problem: "is not an ISO 4217 code with minor units, such as KGS"}
	}
	return currency, nil
}
