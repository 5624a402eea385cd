package door

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases/hub"
)

// NotBase tells what a path that can be no base is instead, and how to say what was probably meant.
func NotBase(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		if ref := HubName(path); ref != "" {
			return Hint(Usagef("there is no %s on this machine", path), "a model of the Hugging Face Hub is named %s", ref)
		}
		if strings.Contains(path, "://") {
			return Usagef("%q is no base; want a %s", path, BaseUsage)
		}
		return Hint(fmt.Errorf("%s: not a model directory: there is nothing of that name", path), "a base is a %s", BaseUsage)
	case info.IsDir() && holds(path, "adapter_config.json") && !holds(path, "config.json"):
		return Hint(fmt.Errorf("%s is an adapter, not a base", path), "name it with --adapter, and with --base the model that it was trained on")
	case !info.IsDir() || holds(path, baseFiles...):
		return nil // whoever opens it says what is wrong with it
	case holds(path, "manifest.json"):
		return Hint(fmt.Errorf("%s is a dataset, not a base", path), "name it with --data")
	}
	return Hint(fmt.Errorf("%s: not a model directory: config.json is missing; a base is a directory as transformers' save_pretrained writes it", path), "%s", DocumentsHint(path))
}

// baseFiles are what a directory has one of that is meant as a base, or at least as its tokenizer.
var baseFiles = []string{"config.json", "tokenizer*", "*.safetensors*", "tekken.json", "vocab.json", "*.tiktoken", "*.gguf", "chat_template*"}

func holds(dir string, patterns ...string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := filepath.Match(p, e.Name()) // the patterns are sound
			return ok
		})
	})
}

// hubNames are the ways in which people write the name of a model on the hub.
var hubNames = regexp.MustCompile(`^(?:(?:https?://)?(?:huggingface\.co|hf\.co)/|hf:/{0,3}|huggingface:/{0,2})?([A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*)(?:@|/tree/|/blob/)?([A-Za-z0-9_][A-Za-z0-9_.+-]*)?/?$`)

// HubName is the reference to the hub that a text was meant as, "" when it looks like none.
func HubName(text string) string {
	m := hubNames.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	ref := "hf://" + m[1]
	if m[2] != "" && m[2] != "main" {
		ref += "@" + m[2]
	}
	if _, err := hub.ParseRef(ref); err != nil {
		return ""
	}
	return ref
}

// DocumentsHint is the way from documents to what can be trained on.
func DocumentsHint(path string) string {
	return fmt.Sprintf("if it holds documents, `cultivar ingest %s --out NAME` makes a dataset of them, for --data NAME", path)
}

// rowFiles are how files of rows end, which no one has to ingest.
var rowFiles = []string{"*.jsonl*", "*.ndjson*", "*.json*", "*.csv*", "*.tsv*", "*.parquet"}

// NotRows gives an error about --data a way out where that is a file or folder of documents.
func NotRows(path string, err error) error {
	info, statErr := os.Stat(path)
	if err == nil || statErr != nil || !strings.Contains(err.Error(), path) {
		return err
	}
	if info.IsDir() && (holds(path, "manifest.json") || holds(path, rowFiles...)) {
		return err
	}
	if !info.IsDir() && slices.ContainsFunc(rowFiles, func(p string) bool {
		ok, _ := filepath.Match(p, strings.ToLower(filepath.Base(path)))
		return ok
	}) {
		return err
	}
	return Hint(err, "%s", DocumentsHint(path))
}
