package halyk

// The reason codes, by what became of the payment.

// 500 and 503 are "the server does not answer" to one client and 3-D Secure to
// another.
var authentication = []code{
	{"455", "3DSecure / Securecode verification is not available or you entered card number incorrectly.", documented},
	{"473", "Authentication failed (3DSecure/Securecode)", documented},
	{"499", "the 3-D Secure code is wrong or missing", client},
	{"500", "the server does not answer; 3-D Secure to another client", client},
	{"503", "the server does not answer; 3-D Secure to another client", client},
}

var funds = []code{{"484", "not enough money on the card", client}}

var restrictions = []code{{"486", "purchases online are off, or wrong card data; a limit to another client", client}}

var limits = []code{
	{"488", "the amount is above the limit", client},
	{"491", "the limit on how often to pay is reached", client},
	{"528", "the receiving card's daily limit is reached", client},
	{"529", "the terminal's daily limit is reached", client},
}

var attempts = []code{
	{"476", "No action taken; a client: try again after 30 minutes at the earliest", documented},
	{"492", "the card is blocked after wrong PINs", client},
}

var invalidCards = []code{
	{"457", "Error in card expiration date field", documented},
	{"469", "Invalid transaction", documented},
	{"471", "No such card", documented},
	{"472", "No such card", documented},
	{"501", "the card can't be served; check what was entered", client},
	{"524", "the card is not valid", client},
	{"525", "the card is not valid", client},
}

var expiredCards = []code{
	{"478", "Expired card", documented},
	{"485", "the card has expired", client},
}

var blockedCards = []code{
	{"465", "Your card is restricted", documented},
	{"467", "Your card is disabled", documented},
	{"479", "Restricted card", documented},
	{"481", "the card is not valid; the bank has to issue a new one", client},
	{"482", "the card is not valid; the bank has to issue a new one", client},
	{"489", "the card is blocked", client},
}

var fraud = []code{{"483", "the card is reported stolen", client}}

var declines = []code{
	{"462", "Call your bank", documented},
	{"463", "Call your bank", documented},
	{"466", "Transaction declined. Call your bank", documented},
	{"468", "Additional identification required", documented},
	{"480", "ask the bank that issued the card", client},
	{"487", "declined; ask support", client},
	{"490", "the card may not make this payment; ask its bank", client},
	{"495", "forbidden; use another card", client},
	{"521", "declined by the payer's bank", client},
	{"523", "declined by the payer's bank", client},
	{"527", "declined by the payer's bank", client},
}

var wrongAmounts = []code{{"470", "Invalid amount", documented}}

var troubles = []code{
	{"458", "Server is not responding", documented},
	{"461", "System error. Please try later.", documented},
	{"475", "Invalid response", documented},
	{"477", "Format error", documented},
	{"493", "the bank that issued the card can't be reached", client},
	{"494", "the bank that issued the card can't be reached", client},
	{"496", "system error", client},
	{"497", "the server does not answer", client},
	{"498", "paying with bonus points is not possible", client},
	{"502", "the server does not answer", client},
	{"522", "no such record; check the card", client},
	{"526", "system error", client},
}

// unexplained are codes that are known to exist and explained nowhere.
var unexplained = []code{
	{"474", "left out of the page's list, between its codes", unconfirmed},
	{"877", unsaid, unconfirmed}, {"1267", unsaid, unconfirmed}, {"1563", unsaid, unconfirmed}, {"1611", unsaid, unconfirmed},
	{"1612", unsaid, unconfirmed}, {"2678", unsaid, unconfirmed}, {"2740", unsaid, unconfirmed}, {"3339", unsaid, unconfirmed},
}

const unsaid = "one simulator's code, modelled on a private client"
