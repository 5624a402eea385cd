// Package documents holds the sample documents of the quickstart: the internal files of Halden
// Instruments, a maker of laboratory balances that does not exist. People, numbers and keys in
// them are made up; domains, telephone numbers, cards and accounts are those that are set aside
// for examples.
//
// The documents state Facts several times and in several forms, so that a small model can learn
// them, and hold what real folders hold: copies, boilerplate, an empty file, odd encodings and
// things that must be redacted. Planted lists these.
package documents

import "embed"

// FS has the documents below files/.
//
//go:embed files
var FS embed.FS
