package export

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/bounded"
)

// templatesDir is where transformers keeps chat templates besides the default one.
const templatesDir = "additional_chat_templates"

// carriedKinds are the kinds of files that make weights usable: configurations of the tokenizer, of what
// reads images, sound and films, and of generation; vocabularies; templates; and a model's own code, which
// its config.json names and does not load without.
var carriedKinds = []string{".json", ".txt", ".jinja", ".model", ".tiktoken", ".py"}

// terms are the files that a model comes under, whatever their extension.
var terms = []string{"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"}

// notCarried are files of those kinds that are of other weights than the ones that are written, of how these
// were stored, or of a training.
var notCarried = []string{
	configName, "quantize_config.json", "quant_config.json", "hf_quant_config.json", "recipe.yaml",
	"adapter_config.json", "lineage.json", "training_config.json", "trainer_state.json", "all_results.json", "train_results.json",
	"eval_results.json", "requirements.txt",
}

// carries reports whether a file of a base's directory goes along with a merged model. Its model card does
// not: it is that of the base.
func carries(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	if slices.Contains(terms, strings.ToUpper(stem)) {
		return true
	}
	return slices.Contains(carriedKinds, filepath.Ext(name)) && !strings.HasPrefix(name, ".") &&
		!strings.HasSuffix(name, ".index.json") && !slices.Contains(notCarried, name)
}

// copyFiles copies what a base has besides weights and config.json.
func copyFiles(baseDir, dir string) error {
	if err := copyMatching(baseDir, dir, carries); err != nil {
		return err
	}
	from, to := filepath.Join(baseDir, templatesDir), filepath.Join(dir, templatesDir)
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return nil
	}
	if err := os.Mkdir(to, 0o777); err != nil {
		return err
	}
	return copyMatching(from, to, func(name string) bool { return filepath.Ext(name) == ".jinja" })
}

func copyMatching(from, to string, wanted func(name string) bool) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !wanted(e.Name()) {
			continue
		}
		err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a link that leads nowhere
			return err
		}
	}
	return nil
}

// maxCarried bounds a file that is taken along, in bytes: tokenizers have some ten million.
const maxCarried = 1 << 30

// copyFile copies a regular file, or what a link leads to; anything else is left out.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if info.Size() > maxCarried {
		return &bounded.TooLargeError{Name: from, Size: info.Size(), Limit: maxCarried}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
