// Package pipeline turns raw files into clean documents, with a reason for everything that is left
// out. Its root is the run: sub-packages do the work and never import it.
//
//	source → extract → clean → exact duplicates → boilerplate → filter → near-duplicates → redact → Sink
//
// Rows reach the Sink in the order of the sources, whatever the number of workers, so the same input
// and configuration give the same rows. One bad file is an Exclusion and the rest goes on; a source
// that cannot be read is an error. Text of documents is never in an error.
//
// Boilerplate and duplicates need to have seen all documents, so with them (the default) a run holds
// the text of the corpus in memory; without them it streams.
package pipeline
