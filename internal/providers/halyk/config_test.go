package halyk

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

func goodConfig() Config {
	return Config{
		APIURL: "https://epay-api.homebank.kz", TokenURL: "https://epay-oauth.homebank.kz/oauth2/token",
		ClientID: "shop", ClientSecret: secret.New("s"), Terminal: testTerminal,
	}.Defaults()
}

func TestConfigCheck_NamesEveryFault_AtOnce(t *testing.T) {
	providertest.CheckSettings(t, goodConfig(), []providertest.SettingsRow[Config]{
		{Name: "nothing wrong", Change: func(*Config) {}},
		{Name: "own scope", Change: func(c *Config) { c.Scope = "payment" }},
		{Name: "loopback without TLS", Change: func(c *Config) { c.APIURL, c.TokenURL = "http://127.0.0.1:1/api", "http://localhost:1/t" }},
		{Name: "everything missing", Change: func(c *Config) { *c = Config{} }, Fields: []string{"api_url", "token_url", "client_id", "client_secret", "terminal", "scope"}},
		{Name: "plain http", Change: func(c *Config) { c.APIURL, c.TokenURL = "http://epay.example", "http://oauth.example" }, Fields: []string{"api_url", "token_url"}},
		{Name: "space in the terminal", Change: func(c *Config) { c.Terminal += " " }, Fields: []string{"terminal"}},
		{Name: "line break in the client", Change: func(c *Config) { c.ClientID = "shop\n" }, Fields: []string{"client_id"}},
	}, "shop")
}

func TestNew_JoinsAllFaults(t *testing.T) {
	_, err := New(Config{}, &http.Transport{})
	for _, field := range []string{"api_url", "token_url", "client_id", "client_secret", "terminal"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	var fault *payment.FieldError
	if !errors.As(err, &fault) {
		t.Errorf("error %v holds no *payment.FieldError", err)
	}
}

func TestCheckReference_TakesOnlyInvoiceNumbers(t *testing.T) {
	providertest.CheckReferences(t, setup(t, &provider{}, nil), []providertest.ReferenceRow{
		{Name: "shortest", Ref: payment.Reference{"invoice_id": "000001"}},
		{Name: "longest", Ref: payment.Reference{"invoice_id": "123456789012345"}},
		{Name: "too short", Ref: payment.Reference{"invoice_id": "00001"}, Field: "reference.invoice_id"},
		{Name: "too long", Ref: payment.Reference{"invoice_id": "1234567890123456"}, Field: "reference.invoice_id"},
		{Name: "letters", Ref: payment.Reference{"invoice_id": "12345a"}, Field: "reference.invoice_id"},
		{Name: "other digits", Ref: payment.Reference{"invoice_id": "١٢٣٤٥٦"}, Field: "reference.invoice_id"},
		{Name: "path", Ref: payment.Reference{"invoice_id": "../../1"}, Field: "reference.invoice_id"},
		{Name: "missing", Ref: payment.Reference{}, Field: "reference"},
		{Name: "nil", Field: "reference"},
		{Name: "unknown key", Ref: payment.Reference{"invoice_id": "123456", "colour": "red"}, Field: "reference"},
	})
}
