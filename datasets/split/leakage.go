package split

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Leak is something that stands in more than one split.
type Leak struct {
	Kind   LeakKind
	ID     string           // the document, the cluster, or the first example with that content
	Splits []datasets.Split // sorted, at least two
}

// LeakKind says what straddles.
type LeakKind string

// The kinds of leak, from the most to the least certain mistake.
const (
	DocumentLeak LeakKind = "document" // examples of one document
	ClusterLeak  LeakKind = "cluster"  // documents of one near-duplicate cluster
	ContentLeak  LeakKind = "content"  // the same text but for case and white space
)

// LeakageCheck reads all examples and returns what leaks between splits, sorted by kind and id.
// cluster maps a doc_id to its near-duplicate cluster, "" when it has none; nil when unknown.
// It keeps a digest and not the text of each example.
func LeakageCheck(examples iter.Seq2[datasets.Example, error], cluster func(docID string) string) ([]Leak, error) {
	documents, clusters, contents := sightings[string]{}, sightings[string]{}, sightings[[32]byte]{}
	for e, err := range examples {
		if err != nil {
			return nil, err
		}
		if e.DocID != "" {
			documents.add(e.DocID, e.DocID, e.Split)
			name := ""
			if cluster != nil {
				name = cluster(e.DocID)
			}
			// A winner that is listed as alone is still a member of the cluster named after it.
			name = cmp.Or(name, e.DocID)
			clusters.add(name, name, e.Split)
		}
		if text := content(e); text != "" {
			contents.add(sha256.Sum256([]byte(text)), e.ExampleID, e.Split)
		}
	}
	for id, seen := range documents {
		// A document that straddles makes its cluster straddle too: once is enough.
		if c := clusters[id]; len(seen.splits) > 1 && c != nil && len(c.splits) == len(seen.splits) {
			delete(clusters, id)
		}
	}
	return slices.Concat(documents.leaks(DocumentLeak), clusters.leaks(ClusterLeak), contents.leaks(ContentLeak)), nil
}

// content is what an example teaches, folded: role names and layout are left out.
func content(e datasets.Example) string {
	words := strings.Fields(strings.ToLower(e.Text))
	for _, m := range e.Messages {
		words = append(words, strings.Fields(strings.ToLower(m.Content))...)
	}
	return strings.Join(words, " ")
}

type sighting struct {
	id     string
	splits []datasets.Split
}

// sightings notes in which splits a key was seen.
type sightings[K comparable] map[K]*sighting

func (s sightings[K]) add(key K, id string, split datasets.Split) {
	seen := s[key]
	if seen == nil {
		seen = &sighting{id: id}
		s[key] = seen
	}
	if !slices.Contains(seen.splits, split) {
		seen.splits = append(seen.splits, split)
	}
}

func (s sightings[K]) leaks(kind LeakKind) []Leak {
	var leaks []Leak
	for _, seen := range s {
		if len(seen.splits) > 1 {
			slices.Sort(seen.splits)
			leaks = append(leaks, Leak{Kind: kind, ID: seen.id, Splits: seen.splits})
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return cmp.Compare(a.ID, b.ID) })
	return leaks
}
