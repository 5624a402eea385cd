package documents

// Kind says what was planted in a document.
type Kind string

// What is planted for ingestion to find. Accounts and cards come valid and with a wrong check
// digit; the latter are not to be taken for the former.
const (
	ExactCopy   Kind = "exact copy" // Detail is the path of the original
	NearCopy    Kind = "near copy"  // Detail is the path of the original
	Empty       Kind = "empty"
	Binary      Kind = "binary"
	Windows1252 Kind = "windows-1252"
	BOM         Kind = "byte order mark"
	German      Kind = "german"
	Short       Kind = "short"
	Symbols     Kind = "symbols" // more digits and signs than words
	Boilerplate Kind = "boilerplate"
	Email       Kind = "email"
	Phone       Kind = "phone"
	Card        Kind = "card"
	WrongCard   Kind = "card with a wrong check digit"
	IBAN        Kind = "iban"
	WrongIBAN   Kind = "iban with a wrong check digit"
	Secret      Kind = "secret"
	Placeholder Kind = "placeholder" // in the place of a secret, and says that it is an example
)

// Footer is the line at the end of many documents.
const Footer = "Halden Instruments. Confidential. Do not copy or pass on."

// Plant is one planted thing.
type Plant struct {
	Kind   Kind
	Path   string // below files/
	Detail string // the text that stands there, where the kind is about a text
}

// Planted lists the planted things. Addresses and telephone numbers also occur elsewhere.
var Planted = []Plant{
	{ExactCopy, "support/questions-of-customers.md", "support/faq-customers.md"},
	{NearCopy, "policies/records-retention-rev3.md", "policies/records-retention.md"},
	{NearCopy, "product/prices-autumn.md", "product/price-list.md"},
	{Empty, "meetings/untitled.txt", ""},
	{Binary, "product/front-panel.png", ""},
	{Binary, "support/hx-200-export.dat", ""},
	{Windows1252, "legal/letter-from-supplier.txt", ""},
	{BOM, "product/release-notes-hm-10.txt", ""},
	{German, "handbook/14-willkommen.md", ""},
	{Short, "meetings/short-note.txt", ""},
	{Symbols, "support/device-log.txt", ""},
	{Boilerplate, "handbook/01-welcome.md", Footer},
	{Boilerplate, "policies/travel-policy.md", Footer},
	{Boilerplate, "intranet/index.html", Footer},
	{Boilerplate, "intranet/canteen.html", "Search the intranet"},
	{Email, "policies/data-protection.md", "privacy@halden.example"},
	{Email, "support/ticket-4821.txt", "j.marlowe@fernhall.example"},
	{Email, "finance/card-statement-march.txt", "colm.bryce@halden.example"},
	{Phone, "runbooks/escalation.md", "01632 960145"},
	{Phone, "support/ticket-4821.txt", "020 7946 0321"},
	{Phone, "support/ticket-4977.txt", "+44 7700 900461"},
	{Phone, "support/ticket-5102.txt", "(555) 555-0147"},
	{Card, "support/ticket-4977.txt", "4111 1111 1111 1111"},
	{WrongCard, "support/ticket-4977.txt", "4111 1111 1111 1112"},
	{Card, "finance/bank-details.md", "5555 5555 5555 4444"},
	{Card, "finance/bank-details.md", "3782 822463 10005"},
	{Card, "finance/card-statement-march.txt", "378282246310005"},
	{IBAN, "finance/bank-details.md", "GB82 WEST 1234 5698 7654 32"},
	{IBAN, "finance/bank-details.md", "DE89 3704 0044 0532 0130 00"},
	{WrongIBAN, "finance/bank-details.md", "GB82 WEST 1234 5698 7654 33"},
	{Secret, "intranet/api-keys.md", "AKIAIOSFODNN7EXAMPLE"},
	{Placeholder, "intranet/api-keys.md", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
	{Secret, "intranet/api-keys.md", "tarnbeck-0123456789abcdef-halden"},
	{Secret, "intranet/api-keys.md", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"},
	{Secret, "intranet/api-keys.md", "Not4Real-Passw0rd"},
	{Secret, "intranet/api-keys.md", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE00"},
	{Secret, "intranet/api-keys.md", "-----BEGIN PRIVATE KEY-----"},
}
