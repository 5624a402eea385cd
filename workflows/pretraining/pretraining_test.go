package pretraining

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/workflows/models"
)

// The embedded base is what the default recipe makes. Training it takes minutes; that its files and
// its training data are still those of the recipe takes a second.
func TestEmbeddedBaseIsOfTheRecipe(t *testing.T) {
	r := DefaultRecipe()
	tokenizerJSON, err := r.vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.files(tokenizerJSON)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.MarshalIndent(r.config(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	files["config.json"] = append(config, '\n')
	for name, want := range files {
		got, err := fs.ReadFile(basefiles.FS, basefiles.Name+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the recipe makes: run cmd/seedling and replace the base", name)
		}
	}
}

// The base's digest is in what people publish; it may change only with the base.
func TestEmbeddedBase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), basefiles.Name)
	if err := embedded.Unpack(basefiles.FS, basefiles.Name, dir); err != nil {
		t.Fatal(err)
	}
	b, err := models.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	digest, err := b.Digest()
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:d08625a0efb174a7e04a9ccf5dd6510d7b1e5fc60a6fd921a2471afbd1f77b0e"
	if digest != want {
		t.Errorf("digest %s, want %s", digest, want)
	}
	if b.Template == nil || !slices.Equal(b.Stop(), []int32{1, 4}) {
		t.Errorf("template %v, stop tokens %v", b.Template != nil, b.Stop())
	}
	r := DefaultRecipe()
	var text string
	for s := range r.texts(r.CorpusSeed) {
		text = s
		break
	}
	ids := b.Tokenizer.Encode(text, true)
	if got := b.Tokenizer.Decode(ids[1:], false); got != text {
		t.Error("the tokenizer does not keep the corpus's text")
	}
	if n := b.Tokenizer.VocabSize(); n != r.VocabSize {
		t.Errorf("vocabulary of %d, want %d", n, r.VocabSize)
	}
}
