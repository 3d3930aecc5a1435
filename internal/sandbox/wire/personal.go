package wire

// The personal data that the simulated providers put into the fields their
// documents show it in. Every value is unlike anything else in the sandbox, so
// that finding one outside an answer proves a leak.
const (
	Name        = "Tester Petrov"
	CardHolder  = "MICHAEL NURENBERG-TEST"
	Email       = "payer@example.test"
	Phone       = "+77010000042"
	CardMask    = "400303...9821"
	CardNumber  = "4314220000009856"
	CardID      = "e8a09f98-04b4-71a6-e053-1d1a000aa0d2"
	IP          = "203.0.113.77"
	PaReq       = "eJxVUtFu2zAMfM5fGP0ASandbox"
	ApproveCode = "170243APPR"
	CVVKey      = "Fb64oESWzABBCf9fjbBsPKJyhxFfW7V6xCATquk3R46P.sandbox"
	ACSURL      = "https://3ds.example.test:443/way4acs/pa?id=XAFO8XZ"
	Account     = "UA213223130000026007233566001"
	Extra       = "passport AA000042, Khreshchatyk 1"
	Description = "order of Tester P."
	Token       = "card-token-9f2c41d7"
)

// Markers lists every value of personal data that an answer may hold.
func Markers() []string {
	return []string{
		Name, CardHolder, Email, Phone, CardMask, CardNumber, CardID, IP, PaReq, ApproveCode, CVVKey, ACSURL,
		Account, Extra, Description, Token,
	}
}
