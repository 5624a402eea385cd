package documents

// Unanswered is a question that no document answers, though it looks like one that they do.
const Unanswered = "How long are Class F records kept?"

// Asked are the facts that the quickstart asks about, of the base model and of the trained adapter.
func Asked() []Fact { return Facts[:2] }

// Fact is something that several of the documents state, each in its own words, and that no text
// outside of them does.
type Fact struct {
	Question  string   // as the questions and answers among the documents word it
	Answer    string   // as they answer it
	Keywords  []string // what a right answer holds, whatever its wording
	Documents []string // paths below files/ of documents that state it; copies are left out
}

// Facts are the facts that the documents teach.
var Facts = []Fact{
	{
		Question: "How long are Class B records kept?",
		Answer:   "Class B records are kept for eleven years from the date of the last delivery.",
		Keywords: []string{"eleven years"},
		Documents: []string{
			"finance/questions-of-suppliers.md", "handbook/01-welcome.md", "handbook/10-records-for-everybody.md",
			"handbook/13-questions-of-new-employees.md", "intranet/glossary.html", "intranet/help-records.html",
			"intranet/index.html", "legal/letter-from-supplier.txt", "legal/people-questions.md",
			"legal/privacy-notice.md", "legal/supply-contract.md", "meetings/2024-03-19-quality.md",
			"meetings/2024-10-22-archive.md", "policies/backup-policy.md", "policies/records-faq.md",
			"policies/records-retention.md", "product/halview-notes.md", "product/why-customers-choose-us.md",
			"runbooks/quarterly-backup-test.txt", "support/ticket-5102.txt",
		},
	},
	{
		Question: "Who signs a release?",
		Answer:   "A release is signed by the head of metrology.",
		Keywords: []string{"head of metrology"},
		Documents: []string{
			"finance/questions-of-suppliers.md", "handbook/01-welcome.md", "handbook/09-who-is-who.md",
			"intranet/glossary.html", "intranet/metrology.html", "intranet/release-calendar.html",
			"legal/letter-from-supplier.txt", "legal/supply-contract.md", "meetings/2024-03-19-quality.md",
			"meetings/2024-09-17-supplier-day.txt", "policies/release-policy.md", "policies/supplier-policy.md",
			"product/halview-notes.md", "product/release-notes-hm-10.txt", "runbooks/release-of-software.md",
		},
	},
	{
		Question: "How often is the HX-200 calibrated?",
		Answer:   "The HX-200 is calibrated every 40 weeks.",
		Keywords: []string{"40 weeks"},
		Documents: []string{
			"meetings/2024-01-09-metrology.md", "meetings/2024-11-05-service.md", "policies/calibration-policy.md",
			"product/halview-notes.md", "product/hx-200-data-sheet.md", "product/hx-200-quick-guide.md",
			"product/price-list.md", "runbooks/calibrate-an-hx-200.md", "runbooks/loan-balance.md",
			"support/faq-customers.md", "support/ticket-4821.txt",
		},
	},
	{
		Question: "Who is called first in an escalation?",
		Answer:   "The duty engineer is called first in an escalation.",
		Keywords: []string{"duty engineer"},
		Documents: []string{
			"handbook/01-welcome.md", "handbook/11-when-something-breaks.md", "handbook/13-questions-of-new-employees.md",
			"intranet/index.html", "intranet/news-new-duty-phone.html", "meetings/2024-06-11-escalation-review.md",
			"meetings/2024-11-05-service.md", "policies/escalation-policy.md", "runbooks/alarm-in-the-calibration-room.md",
			"runbooks/escalation.md", "support/phone-guide.md",
		},
	},
	{
		Question: "What is the escalation path?",
		Answer:   "The escalation path is duty engineer, service manager, plant director.",
		Keywords: []string{"duty engineer", "service manager", "plant director"},
		Documents: []string{
			"handbook/11-when-something-breaks.md", "intranet/news-new-duty-phone.html", "meetings/2024-06-11-escalation-review.md",
			"policies/escalation-policy.md", "runbooks/escalation.md",
		},
	},
	{
		Question: "How fast is a priority 1 ticket answered?",
		Answer:   "A priority 1 ticket is answered within 12 minutes.",
		Keywords: []string{"12 minutes"},
		Documents: []string{
			"intranet/help-it.html", "intranet/news-new-duty-phone.html", "meetings/2024-01-23-service.md",
			"policies/escalation-policy.md", "product/questions-of-dealers.md", "product/why-customers-choose-us.md",
			"runbooks/escalation.md", "runbooks/mail-server-is-silent.md", "support/phone-guide.md",
			"support/ticket-4977.txt", "support/ticket-priorities.md",
		},
	},
	{
		Question: "What is the hotel limit?",
		Answer:   "The hotel limit is 143 euros per night.",
		Keywords: []string{"143 euros"},
		Documents: []string{
			"finance/budget-letter.md", "finance/card-statement-march.txt", "finance/expense-guide.md",
			"finance/travel-questions.md", "handbook/04-travel.md", "intranet/index.html",
			"meetings/2024-04-23-finance.md", "policies/travel-policy.md", "runbooks/month-end.md",
		},
	},
	{
		Question: "What is the daily meal allowance?",
		Answer:   "The daily meal allowance is 74 euros.",
		Keywords: []string{"74 euros"},
		Documents: []string{
			"finance/budget-letter.md", "finance/card-statement-march.txt", "finance/expense-guide.md",
			"finance/travel-questions.md", "handbook/04-travel.md", "meetings/2024-04-23-finance.md",
			"policies/travel-policy.md",
		},
	},
	{
		Question: "How soon must expenses be claimed?",
		Answer:   "Expenses must be claimed within 75 days of the trip.",
		Keywords: []string{"75 days"},
		Documents: []string{
			"finance/card-statement-march.txt", "finance/expense-guide.md", "finance/travel-questions.md",
			"handbook/04-travel.md", "meetings/2024-04-23-finance.md", "policies/travel-policy.md",
			"runbooks/month-end.md",
		},
	},
	{
		Question: "How many days of annual leave do employees have?",
		Answer:   "Employees have 35 days of annual leave.",
		Keywords: []string{"35 days"},
		Documents: []string{
			"handbook/02-working-hours.md", "handbook/13-questions-of-new-employees.md", "intranet/help-people.html",
			"legal/people-questions.md", "legal/work-contract.md", "meetings/2024-02-06-works-council.txt",
		},
	},
	{
		Question: "How many days a week may employees work from home?",
		Answer:   "Employees may work from home on three days a week.",
		Keywords: []string{"three days"},
		Documents: []string{
			"handbook/02-working-hours.md", "handbook/13-questions-of-new-employees.md", "intranet/help-people.html",
			"intranet/index.html", "legal/work-contract.md", "meetings/2024-02-06-works-council.txt",
			"meetings/2024-10-08-all-hands.md", "policies/remote-work.md",
		},
	},
	{
		Question: "How long is the probation period?",
		Answer:   "The probation period is 110 days.",
		Keywords: []string{"110 days"},
		Documents: []string{
			"finance/budget-letter.md", "handbook/03-joining-and-leaving.md", "handbook/13-questions-of-new-employees.md",
			"intranet/help-people.html", "legal/people-questions.md", "legal/work-contract.md",
			"meetings/2024-02-06-works-council.txt", "policies/remote-work.md",
		},
	},
	{
		Question: "How long is the notice period?",
		Answer:   "The notice period is 70 days.",
		Keywords: []string{"70 days"},
		Documents: []string{
			"handbook/03-joining-and-leaving.md", "intranet/help-people.html", "legal/people-questions.md",
			"legal/work-contract.md", "meetings/2024-03-05-works-council.txt", "meetings/2024-10-08-all-hands.md",
		},
	},
	{
		Question: "How often must passwords be changed?",
		Answer:   "Passwords must be changed every 100 days.",
		Keywords: []string{"100 days"},
		Documents: []string{
			"handbook/06-information-security.md", "handbook/13-questions-of-new-employees.md", "intranet/api-keys.md",
			"intranet/help-it.html", "meetings/2024-02-20-it.md", "policies/passwords.md",
		},
	},
	{
		Question: "How soon must a data breach be reported?",
		Answer:   "A data breach must be reported within 90 minutes to the data protection officer.",
		Keywords: []string{"90 minutes"},
		Documents: []string{
			"handbook/06-information-security.md", "handbook/09-who-is-who.md", "intranet/api-keys.md",
			"intranet/help-it.html", "legal/privacy-notice.md", "meetings/2024-07-02-privacy.md",
			"policies/data-protection.md", "runbooks/data-breach.md",
		},
	},
	{
		Question: "Who is the data protection officer?",
		Answer:   "The data protection officer is Ingrid Solvang.",
		Keywords: []string{"Ingrid Solvang"},
		Documents: []string{
			"handbook/06-information-security.md", "handbook/09-who-is-who.md", "handbook/12-training.md",
			"legal/privacy-notice.md", "legal/visitor-agreement.txt", "meetings/2024-07-02-privacy.md",
			"policies/data-protection.md", "runbooks/data-breach.md",
		},
	},
	{
		Question: "How often are backups tested?",
		Answer:   "Backups are tested every six weeks.",
		Keywords: []string{"six weeks"},
		Documents: []string{
			"intranet/help-it.html", "meetings/2024-02-20-it.md", "policies/backup-policy.md",
			"runbooks/quarterly-backup-test.txt", "runbooks/restore-a-backup.md",
		},
	},
	{
		Question: "When does the release freeze begin?",
		Answer:   "The release freeze begins on Thursday at 11:40.",
		Keywords: []string{"Thursday", "11:40"},
		Documents: []string{
			"intranet/glossary.html", "intranet/help-it.html", "intranet/release-calendar.html",
			"meetings/2024-02-20-it.md", "meetings/2024-10-08-all-hands.md", "policies/release-policy.md",
			"product/halview-notes.md", "product/release-notes-hm-10.txt", "runbooks/release-of-software.md",
		},
	},
	{
		Question: "How long is a visitor badge valid?",
		Answer:   "A visitor badge is valid for 36 hours.",
		Keywords: []string{"36 hours"},
		Documents: []string{
			"finance/questions-of-suppliers.md", "handbook/07-visitors.md", "intranet/canteen.html",
			"intranet/visitors.html", "legal/visitor-agreement.txt", "meetings/2024-04-09-safety.md",
			"policies/visitor-policy.md", "runbooks/new-visitor-badge.md",
		},
	},
	{
		Question: "Where is the assembly point?",
		Answer:   "The assembly point is at the old chimney.",
		Keywords: []string{"old chimney"},
		Documents: []string{
			"handbook/01-welcome.md", "handbook/05-health-and-safety.md", "handbook/12-training.md",
			"handbook/13-questions-of-new-employees.md", "intranet/news-chimney.html", "intranet/visitors.html",
			"legal/visitor-agreement.txt", "meetings/2024-03-05-works-council.txt", "meetings/2024-04-09-safety.md",
			"policies/emergency-policy.md", "policies/visitor-policy.md", "runbooks/new-visitor-badge.md",
			"runbooks/power-cut.md",
		},
	},
	{
		Question: "Who approves a purchase above 5,000 euros?",
		Answer:   "A purchase above 5,000 euros is approved by the plant director.",
		Keywords: []string{"plant director"},
		Documents: []string{
			"finance/approval-limits.md", "finance/bank-details.md", "finance/budget-letter.md",
			"finance/questions-of-suppliers.md", "handbook/08-buying-things.md", "handbook/09-who-is-who.md",
			"meetings/2024-09-17-supplier-day.txt", "meetings/2024-10-08-all-hands.md", "policies/purchasing-policy.md",
			"runbooks/month-end.md", "support/spare-parts.md",
		},
	},
	{
		Question: "When are invoices paid?",
		Answer:   "Invoices are paid within 44 days of receipt.",
		Keywords: []string{"44 days"},
		Documents: []string{
			"finance/bank-details.md", "finance/paying-suppliers.md", "finance/questions-of-suppliers.md",
			"handbook/08-buying-things.md", "legal/letter-from-supplier.txt", "legal/supply-contract.md",
			"meetings/2024-04-23-finance.md", "meetings/2024-09-17-supplier-day.txt", "policies/purchasing-policy.md",
			"policies/supplier-policy.md", "runbooks/month-end.md",
		},
	},
	{
		Question: "How long is the warranty on the HX-200?",
		Answer:   "The warranty on the HX-200 is 40 months.",
		Keywords: []string{"40 months"},
		Documents: []string{
			"intranet/news-hx-200-award.html", "legal/terms-of-sale.md", "meetings/2024-05-14-product.md",
			"product/hx-200-data-sheet.md", "product/questions-of-dealers.md", "product/why-customers-choose-us.md",
			"support/faq-customers.md", "support/ticket-4821.txt", "support/warranty-terms.md",
		},
	},
	{
		Question: "What is the maximum load of the HX-200?",
		Answer:   "The maximum load of the HX-200 is 225 grams.",
		Keywords: []string{"225 grams"},
		Documents: []string{
			"intranet/news-hx-200-award.html", "meetings/2024-05-14-product.md", "product/halview-notes.md",
			"product/hx-200-data-sheet.md", "product/hx-200-quick-guide.md", "product/questions-of-dealers.md",
			"runbooks/calibrate-an-hx-200.md", "runbooks/loan-balance.md", "support/faq-customers.md",
			"support/warranty-terms.md",
		},
	},
	{
		Question: "How long must the HX-200 warm up?",
		Answer:   "The HX-200 must warm up for 42 minutes.",
		Keywords: []string{"42 minutes"},
		Documents: []string{
			"handbook/12-training.md", "intranet/glossary.html", "intranet/news-hx-200-award.html",
			"meetings/2024-05-14-product.md", "product/hx-200-data-sheet.md", "product/hx-200-quick-guide.md",
			"runbooks/calibrate-an-hx-200.md", "runbooks/loan-balance.md", "runbooks/power-cut.md",
			"support/faq-customers.md", "support/phone-guide.md", "support/ticket-4821.txt",
			"support/ticket-4977.txt",
		},
	},
	{
		Question: "How long are spare parts available?",
		Answer:   "Spare parts are available for 14 years from the last sale.",
		Keywords: []string{"14 years"},
		Documents: []string{
			"legal/supply-contract.md", "legal/terms-of-sale.md", "meetings/2024-01-23-service.md",
			"policies/records-retention.md", "product/hx-500-data-sheet.md", "product/questions-of-dealers.md",
			"product/why-customers-choose-us.md", "support/faq-customers.md", "support/spare-parts.md",
			"support/ticket-5102.txt",
		},
	},
	{
		Question: "How long may a customer return a product?",
		Answer:   "A customer may return a product within 28 days of delivery.",
		Keywords: []string{"28 days"},
		Documents: []string{
			"legal/terms-of-sale.md", "meetings/2024-11-05-service.md", "product/questions-of-dealers.md",
			"product/why-customers-choose-us.md", "support/faq-customers.md", "support/returns.md",
		},
	},
	{
		Question: "Where are the reference weights kept?",
		Answer:   "The reference weights are kept in the vault below Hall 9.",
		Keywords: []string{"vault"},
		Documents: []string{
			"intranet/glossary.html", "intranet/metrology.html", "meetings/2024-01-09-metrology.md",
			"policies/calibration-policy.md", "runbooks/calibrate-an-hx-200.md", "runbooks/open-the-vault.md",
			"support/repair-desk.md",
		},
	},
	{
		Question: "What is the temperature of the calibration room?",
		Answer:   "The temperature of the calibration room is 20.5 degrees.",
		Keywords: []string{"20.5 degrees"},
		Documents: []string{
			"handbook/07-visitors.md", "intranet/metrology.html", "meetings/2024-01-09-metrology.md",
			"policies/calibration-policy.md", "product/halview-notes.md", "runbooks/alarm-in-the-calibration-room.md",
			"runbooks/calibrate-an-hx-200.md", "runbooks/power-cut.md", "support/repair-desk.md",
		},
	},
}
