package finipay

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

func TestConfigCheck_NamesEveryFault_AtOnce(t *testing.T) {
	good := Config{BaseURL: "https://shop.finipay.kg", Login: "shop", Password: secret.New("p"), StatusMethod: "GET", WalletConfirmed: "processing"}
	providertest.CheckSettings(t, good, []providertest.SettingsRow[Config]{
		{Name: "nothing wrong", Change: func(*Config) {}},
		{Name: "POST", Change: func(c *Config) { c.StatusMethod = "POST" }},
		{Name: "loopback without TLS", Change: func(c *Config) { c.BaseURL = "http://127.0.0.1:8080/fini" }},
		{Name: "everything missing", Change: func(c *Config) { *c = Config{} }, Fields: []string{"base_url", "login", "password", "status_method", "wallet_confirmed"}},
		{Name: "plain http", Change: func(c *Config) { c.BaseURL = "http://shop.finipay.kg" }, Fields: []string{"base_url"}},
		{Name: "colon in the login", Change: func(c *Config) { c.Login = "shop:1" }, Fields: []string{"login"}},
		{Name: "line break in the login", Change: func(c *Config) { c.Login = "shop\n" }, Fields: []string{"login"}},
		{Name: "a wallet's end", Change: func(c *Config) { c.WalletConfirmed = "succeeded" }},
		{Name: "another end of a wallet", Change: func(c *Config) { c.WalletConfirmed = "failed" }, Fields: []string{"wallet_confirmed"}},
		{Name: "a code for absence", Change: func(c *Config) { c.NotFoundCode = "301" }},
		{Name: "a code that means something else", Change: func(c *Config) { c.NotFoundCode = "200" }, Fields: []string{"not_found_code"}},
		{Name: "other method", Change: func(c *Config) { c.StatusMethod = "get" }, Fields: []string{"status_method"}},
	}, "shop")
}

func TestNew_JoinsAllFaults(t *testing.T) {
	_, err := New(Config{StatusMethod: "PUT"}, &http.Transport{})
	for _, field := range []string{"base_url", "login", "password", "status_method"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	var fault *payment.FieldError
	if !errors.As(err, &fault) {
		t.Errorf("error %v holds no *payment.FieldError", err)
	}
}

func TestConfig_DoesNotPrintItsPassword(t *testing.T) {
	if text := fmt.Sprintf("%+v", Config{Password: secret.New("hunter2")}); strings.Contains(text, "hunter2") {
		t.Errorf("the password shows in %s", text)
	}
}

func TestCheckReference_TakesOnlyWhatFinipayCanBeAskedWith(t *testing.T) {
	providertest.CheckReferences(t, setup(t, &provider{}, nil), []providertest.ReferenceRow{
		{Name: "card", Ref: payment.Reference{"order_number": "ORDER_1-a"}},
		{Name: "longest card", Ref: payment.Reference{"order_number": strings.Repeat("9", 64)}},
		{Name: "Mbank", Ref: payment.Reference{"kind": "mbank", "order_number": "ORDER_1-a"}},
		{Name: "Megapay", Ref: payment.Reference{"kind": "megapay", "order_number": "ORDER_1-a"}},
		{Name: "QR", Ref: payment.Reference{"kind": "qr", "transaction_id": "QPF0001"}},
		{Name: "empty", Ref: payment.Reference{}, Field: "reference"},
		{Name: "nil", Field: "reference"},
		{Name: "too long", Ref: payment.Reference{"order_number": strings.Repeat("9", 65)}, Field: "reference.order_number"},
		{Name: "empty number", Ref: payment.Reference{"order_number": ""}, Field: "reference"},
		{Name: "space", Ref: payment.Reference{"order_number": "A B"}, Field: "reference.order_number"},
		{Name: "Cyrillic", Ref: payment.Reference{"order_number": "ЗАКАЗ"}, Field: "reference.order_number"},
		{Name: "unknown key", Ref: payment.Reference{"order_number": "A", "colour": "red"}, Field: "reference"},
		{Name: "other kind", Ref: payment.Reference{"kind": "card", "order_number": "A"}, Field: "reference.kind"},
		{Name: "kind in capitals", Ref: payment.Reference{"kind": "Mbank", "order_number": "A"}, Field: "reference.kind"},
		{Name: "empty kind", Ref: payment.Reference{"kind": "", "order_number": "A"}, Field: "reference.kind"},
		{Name: "wallet without number", Ref: payment.Reference{"kind": "mbank"}, Field: "reference"},
		{Name: "wallet with a QR's id", Ref: payment.Reference{"kind": "mbank", "transaction_id": "Q"}, Field: "reference"},
		{Name: "wallet with a QR's id too", Ref: payment.Reference{"kind": "mbank", "order_number": "A", "transaction_id": "Q"}, Field: "reference"},
		{Name: "wallet with a space", Ref: payment.Reference{"kind": "megapay", "order_number": "A B"}, Field: "reference.order_number"},
		{Name: "QR without id", Ref: payment.Reference{"kind": "qr"}, Field: "reference"},
		{Name: "QR with a card's number too", Ref: payment.Reference{"kind": "qr", "transaction_id": "Q", "order_number": "A"}, Field: "reference"},
		{Name: "QR with an empty id", Ref: payment.Reference{"kind": "qr", "transaction_id": ""}, Field: "reference.transaction_id"},
		{Name: "QR with a line break", Ref: payment.Reference{"kind": "qr", "transaction_id": "Q\n"}, Field: "reference.transaction_id"},
		{Name: "QR too long", Ref: payment.Reference{"kind": "qr", "transaction_id": strings.Repeat("Q", 129)}, Field: "reference.transaction_id"},
	})
}
