// Package pipeline turns raw files into clean documents, with a reason for everything that is left
// out. Its root is the run: sub-packages do the work and never import it.
//
//	source → extract → clean → exact duplicates → boilerplate → filter → near-duplicates → redact → Sink
//
// Rows reach the Sink in the order of the sources, whatever the number of workers, so the same input
// and configuration give the same rows. One bad file is an Exclusion and the rest goes on; a source
// that cannot be read is an error. Text of documents is never in an error.
//
// Boilerplate and duplicates need to have seen all documents. Each is a barrier: documents wait in a
// log, what the decision needs is sorted or looked up (package spill), and both go to scratch files
// beyond Config.MemoryBytes. So memory does not grow with the corpus, but for some 30 bytes a document
// or row, and the rows do not depend on the budget. Without barriers a run streams.
//
// A training row (a conversation, a prompt with answers) is a document as well. Its text is a
// transcript; every text in it is cleaned, its layout left, and redacted, those in the JSON of
// arguments and tools among them. Exact duplicates have the same structured content, near-duplicates
// resemble one another in what is said beside the system's message. Boilerplate and the quality rules,
// which are about prose, do not apply: a good answer may be one word.
package pipeline
