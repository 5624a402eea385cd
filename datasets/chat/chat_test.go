package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// shared returns the folder of reference files beside the repository, or skips the test.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("CULTIVAR_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the reference files: %v", err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal(read(t, path), v); err != nil {
		t.Fatal(err)
	}
}

func openBase(t testing.TB, dir string) (*tokenizer.Tokenizer, *Template) {
	t.Helper()
	tok, err := tokenizer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Open(dir, tok)
	if err != nil {
		t.Fatal(err)
	}
	return tok, tmpl
}

func TestGoldens(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(shared(t, "goldens"), "*", "base"))
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			var want struct {
				Chat []struct {
					Messages            json.RawMessage
					AddGenerationPrompt bool `json:"add_generation_prompt"`
					Text, Error         string
				}
			}
			readJSON(t, filepath.Join(dir, "..", "expected.json"), &want)
			_, tmpl := openBase(t, dir)
			for _, c := range want.Chat {
				got, err := tmpl.Render(Input{Messages: c.Messages, AddGenerationPrompt: c.AddGenerationPrompt})
				var refused *jinja.Exception
				switch {
				case c.Error != "" && (!errors.As(err, &refused) || err.Error() != c.Error):
					t.Errorf("got error %v, want %q", err, c.Error)
				case c.Error == "" && (err != nil || got != c.Text):
					t.Errorf("error %v\n got %q\nwant %q", err, got, c.Text)
				}
			}
		})
	}
}

func TestRealTemplates(t *testing.T) {
	root := shared(t, "real", "chat_templates")
	files, err := filepath.Glob(filepath.Join(root, "goldens", "*.txt"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d goldens, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		t.Run(name, func(t *testing.T) {
			cut := strings.LastIndex(name, "-")
			if name[:cut] == "meta-llama-Meta-Llama-3.1-8B-Instruct" && name[cut+1:] == "tool_use" {
				t.Skip("the template wants arguments as an object")
			}
			tmpl, err := Parse(string(read(t, filepath.Join(root, "templates", name[:cut]+".jinja"))), nil)
			if err != nil {
				t.Fatal(err)
			}
			in, err := ParseInput(read(t, filepath.Join(root, "contexts", name[cut+1:]+".json")))
			if err != nil {
				t.Fatal(err)
			}
			in.Now = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)
			got, err := tmpl.Render(in)
			if want := string(read(t, f)); err != nil || got != want {
				t.Errorf("error %v\n got %q\nwant %q", err, got, want)
			}
		})
	}
}

func TestExampleGoldens(t *testing.T) {
	var want struct {
		Base string
		Rows []struct {
			Messages []datasets.Message
			IDs      []int32
			TrainOn  []int `json:"train_on"`
		}
	}
	readJSON(t, shared(t, "goldens", "extra", "sft", "expected.json"), &want)
	tok, tmpl := openBase(t, shared(t, "goldens", want.Base))
	for i, row := range want.Rows {
		ids, trained, err := tmpl.Example(tok, row.Messages)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int, len(trained))
		for k, on := range trained {
			if on {
				got[k] = 1
			}
		}
		if !slices.Equal(ids, row.IDs) || !slices.Equal(got, row.TrainOn) {
			t.Errorf("row %d\n got %v %v\nwant %v %v", i, ids, got, row.IDs, row.TrainOn)
		}
	}
}
