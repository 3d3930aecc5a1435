package ecommpay

// The register's codes by what they mean for a payment that was declined.
var (
	// saysNothing are codes that tell no more than the status: success, still
	// waiting (20899 for days), a general decline.
	saysNothing = []coded{
		{"0", "Success"}, {"9999", "Awaiting processing"}, {"19999", "Awaiting processing"}, {"29999", "Awaiting processing"},
		{"20802", "The payment provider did not confirm neither successful nor negative status of the payment transaction"},
		{"20899", "The payment is processed on the provider side. It can take up to several days"},
		{"100", "General decline"}, {"10000", "General decline"}, {"20000", "General decline"},
		{"10100", "Declined by external provider"}, {"20100", "Declined by external provider"},
		{"10201", "Refer to card issuer"}, {"10203", "Pick-up card"},
	}
	authentication = []coded{
		{"104", "Declined by 3DS check"}, {"108", "Customer has not returned from ACS"}, {"2466", "Declined By Pares Settings"},
		{"10104", "Incorrect 3DS password"}, {"10114", "Declined by 3DS Check"}, {"10205", "Not enrolled for 3DS"},
		{"10403", "Fraud/Security. Try again using 3DS authentication"},
		{"10709", "Additional customer 3-D Secure authentication required"},
		{"10722", "Strong Customer Authentication mandated according to PSD2"},
	}
	funds = []coded{
		{"10105", "Insufficient funds on card"}, {"10112", "Insufficient Funds. Retry later"},
		{"10113", "Insufficient Funds. Do not retry"}, {"20105", "Insufficient funds on customer account"},
	}
	limits = []coded{
		{"309", "The amount received during conversion exceeds the limit"},
		{"2642", "Operation amount is greater than limit"},
		{"10101", "Decline due to amount or frequency limit"}, {"20101", "Decline due to amount or frequency limit"},
		{"1422", "RCS reject. Amount limit exceeded"}, {"1433", "RCS reject. Count limit exceeded"},
		{"3355", "Payment Constraint 24 hour operations number exceeded for same card"},
		{"3357", "Payment Constraint 30-days operations number exceed for same card"},
	}
	fraud = []coded{
		{"402", "RCS reject. Declined by Risk System"}, {"1401", "RCS reject. PAN is Blacklisted in RCS"},
		{"1402", "RCS reject. Customer is Blacklisted in RCS"}, {"1403", "RCS reject. Cardholder is Blacklisted in RCS"},
		{"1404", "RCS reject. IIN is Blacklisted in RCS"}, {"1405", "RCS reject. IP is Blacklisted in RCS"},
		{"1406", "RCS reject. Email is Blacklisted in RCS"}, {"1407", "RCS reject. Phone is Blacklisted in RCS"},
		{"1408", "RCS reject. Card is compromised"}, {"1409", "RCS Reject. Interval too short"},
		{"1410", "RCS reject. Domain is forbidden"}, {"1411", "RCS reject. Country is forbidden"},
		{"1412", "RCS reject. Country mismatch"}, {"1413", "RCS reject. Country limit exceeded"},
		{"1414", "RCS Reject. Country is forbidden for cross-border transaction"},
		{"1415", "RCS reject. Rejected by Scoring system"},
		{"1431", "RCS reject. Allowed number of cards exceeded"}, {"1432", "RCS reject. Allowed number of emails exceeded"},
		{"1434", "RCS reject. Duplicate operation"}, {"1435", "RCS reject. Allowed number of users exceeded"},
		{"1437", "RCS reject. Allowed number of names exceeded"}, {"1499", "RCS reject. Machine Learning recommendation"},
		{"10401", "Declined by PSP risk system"}, {"10402", "Suspicious operation"},
		{"10404", "Suspected fraud. Do not try again"}, {"10405", "Fraud or closed account. Do not try again"},
		{"10807", "Fraud/Security"}, {"20401", "Declined by PSP risk system"}, {"20402", "Suspicious operation"},
		{"20203", "Compromised customer account"},
	}
	compliance = []coded{
		{"1441", "RCS reject. Rejected by compliance restriction"}, {"1450", "RCS reject. Rejected by sanctions lists"},
		{"1451", "RCS reject. Rejected by AML restriction"}, {"1452", "RCS reject. Rejected by AML UK sanction list"},
		{"1453", "RCS reject. Rejected by AML US sanction list"}, {"1455", "RCS reject. Rejected by AML phrase list"},
		{"1456", "RCS reject. Rejected by holdername format validation"},
		{"1457", "RCS reject. Rejected by AML EU sanction list"}, {"1458", "RCS reject. Rejected by AML UN sanction list"},
		{"1459", "RCS reject. Rejected by AML NL sanction list"}, {"1460", "RCS reject. Rejected by AML UAE sanction list"},
		{"3199", "Operation was declined by AML checks"},
	}
	expiredCards = []coded{{"10106", "Card expired"}, {"3021", "Card expired"}}
	invalidCards = []coded{
		{"10102", "Incorrect data entered"}, {"10103", "Incorrect PIN or CVV"}, {"10107", "Allowable PIN tries exceeded"},
		{"10812", "Invalid card. Do not try again"}, {"3101", "Card not found"}, {"3141", "CVV is required"},
		{"3161", "Invalid Holder"}, {"20102", "Incorrect account data entered"},
		{"20106", "Customer account is no longer available"},
	}
	addresses     = []coded{{"109", "Declined by AVS check"}, {"2061", "Avs Data Not Found"}}
	cancellations = []coded{
		{"301", "Cancelled"}, {"603", "Auto decline"}, {"10301", "Operation was cancelled"},
		{"20301", "Account owner cancelled operation"}, {"30000", "Operation was declined by merchant"},
		{"30100", "Operation was declined by merchant for an unknown reason"},
	}
	troubles = []coded{
		{"314", "Provider is not available now to perform the operation"}, {"501", "Internal error"}, {"602", "Network error"},
		{"10202", "Issuer inoperative"}, {"20202", "PSP system is unavailable"}, {"10505", "PSP system is inoperative"},
		{"10501", "Refer to acquirer"}, {"20501", "Refer to acquirer"}, {"10502", "Error during operation validation"},
		{"20502", "Error during operation validation"}, {"10503", "Incorrect acquirer settings"},
		{"20503", "Incorrect acquirer settings"},
	}
	timeouts = []coded{
		{"604", "Payout Session Terminated. UUID Expired"}, {"3198", "Auto decline due to long verification"},
		{"10601", "Try again"}, {"20601", "Try again"}, {"10602", "Time-out"}, {"20602", "Time-out"},
		{"10603", "Operation could not be authorized. Try again later"},
		{"20603", "Operation could not be authorized. Try again later"},
	}
	restrictions = []coded{
		{"3105", "Card country is forbidden"}, {"3356", "The operation is not allowed for this card"},
		{"10204", "Restrictions for the customer card"}, {"10206", "Restrictions for the customer data"},
		{"10805", "Life cycle (Mastercard use only)"}, {"10806", "Policy (Mastercard use only)"},
		{"10810", "Life cycle. Do not try again"}, {"10811", "Policy. Do not try again"},
		{"20201", "Restrictions for the customer account"},
	}
	unconfirmedByMerchant = []coded{
		{"30301", "Merchant did not confirm operation processing"},
		{"30302", "Merchant did not respond during the operation confirmation process"},
		{"30303", "The amount or currency confirmed by the merchant is different from the requested one"},
	}
)
