package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub/hubtest"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/scratch"
	"github.com/cultivar/cultivar/workflows/run"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cultivar": func() { os.Exit(checked(os.Args[1:])) },
	})
}

// checked is the program, of which what it prints with --json is held to the page that describes it.
func checked(args []string) int {
	if !slices.Contains(args, "--json") {
		return Main(args, os.Stdin, os.Stdout, os.Stderr)
	}
	var out bytes.Buffer
	code := Main(args, os.Stdin, io.MultiWriter(os.Stdout, &out), os.Stderr)
	if code == 0 && out.Len() == 0 && args[0] == "tokenize" {
		return code // of no lines
	}
	if err := checkJSON(args, code, out.Bytes()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return code
}

// TestScripts runs the command line as users do; see testdata.
func TestScripts(t *testing.T) {
	models := hubtest.New(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CULTIVAR_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("USER", "ann")
			e.Setenv("HF_ENDPOINT", models.URL)
			e.Setenv("HF_HOME", filepath.Join(e.WorkDir, "hf"))
			e.Setenv("PEFT", filepath.Join(testkit.Root(t), "adapters", "peft", "testdata", "qwen3"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "base": makeBase, "embedded": unpackBase, "adapter": makeAdapter, "overwrite": overwrite, "run": findRun, "digests": wantDigests, "truncate": truncate,
			"hub": func(ts *testscript.TestScript, _ bool, args []string) { onHub(ts, models, args) },
		},
		RequireExplicitExec: true, UpdateScripts: *update,
	})
}

// exits CODE PROGRAM ARGS… runs a program and wants its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var status *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &status) {
		code = status.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// tinyConfig is a Llama model of one layer.
const tinyConfig = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":8,"intermediate_size":12,
	"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"vocab_size":5,"max_position_embeddings":16,
	"tie_word_embeddings":true,"eos_token_id":0}`

const tinyTokenizer = `{"version":"1.0","added_tokens":[{"id":0,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
	"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
	"model":{"type":"WordLevel","vocab":{"</s>":0,"<unk>":1,"a":2,"b":3,"c":4},"unk_token":"<unk>"}}`

// makeBase is the command `base DIR`: a base of a few hundred parameters.
func makeBase(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(saveBase(ts.MkAbs(args[0])))
}

func saveBase(dir string) error {
	c, err := bases.ParseConfig([]byte(tinyConfig), model.Families())
	if err != nil {
		return err
	}
	config := map[string]any{}
	for key, value := range c.Raw {
		config[key] = value
	}
	return scratch.New(c, 1).Save(dir, config, scratch.Files{
		"tokenizer.json":        []byte(tinyTokenizer),
		"tokenizer_config.json": []byte(`{"eos_token":"</s>","pad_token":"</s>","unk_token":"<unk>"}`),
	})
}

// makeAdapter is the command `adapter DIR SEED`: an adapter of rank 2 for that base.
func makeAdapter(ts *testscript.TestScript, _ bool, args []string) {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	ts.Check(peft.Write(ts.MkAbs(args[0]), tinyAdapter(seed)))
}

func tinyAdapter(seed uint64) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{
		Rank: 2, Alpha: 4, TargetModules: []string{"down_proj", "q_proj"}, BaseModel: "tiny", TaskType: "CAUSAL_LM",
	}}
	for _, m := range []struct {
		name    string
		in, out int
	}{{"mlp.down_proj", 12, 8}, {"self_attn.q_proj", 8, 8}} {
		for _, f := range []struct {
			suffix     string
			rows, cols int
		}{{"lora_A", 2, m.in}, {"lora_B", m.out, 2}} {
			t := adapters.Tensor{Name: fmt.Sprintf("base_model.model.model.layers.0.%s.%s.weight", m.name, f.suffix), Shape: []int{f.rows, f.cols}}
			draw := rng.New(seed, t.Name).At(0, 0)
			for range f.rows * f.cols {
				t.Data = append(t.Data, draw.Normal())
			}
			a.Tensors = append(a.Tensors, t)
		}
	}
	return a
}

// onHub is the command `hub NAME DIR [gated]`: it puts a directory on the hub that HF_ENDPOINT names,
// and its commit into $COMMIT.
func onHub(ts *testscript.TestScript, models *hubtest.Server, args []string) {
	commit, err := models.AddDir(args[0], ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv("COMMIT", commit)
	models.Repo(args[0]).Gated = len(args) > 2
}

// overwrite PATTERN OFFSET TEXT damages the first file that matches; a negative offset counts from
// the end, and TEXT may have Go's escapes.
func overwrite(ts *testscript.TestScript, _ bool, args []string) {
	paths, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(paths) == 0 {
		ts.Fatalf("%s: no such file", args[0])
	}
	path := paths[0]
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + args[2] + `"`)
	ts.Check(err)
	ts.Check(os.Chmod(path, 0o666))
	data, err := os.ReadFile(path)
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	copy(data[at:], text)
	ts.Check(os.WriteFile(path, data, 0o666))
}

// truncate FILE SIZE cuts a file.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// findRun is the command `run KIND`: it puts the last part of the id of the newest run of a kind into $RUN.
func findRun(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("cultivar", "runs", "ls", "--json", "--limit", "1", "--kind", args[0]))
	var list []run.Listed
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	if len(list) != 1 {
		ts.Fatalf("%d runs of kind %s", len(list), args[0])
	}
	ts.Setenv("RUN", list[0].ID[len(list[0].ID)-6:])
}

// wantDigests is the command `digests`: every run that is done has made something, and knows its digest.
func wantDigests(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("cultivar", "runs", "ls", "--json", "--state", "done"))
	var list []run.Listed
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	for _, l := range list {
		ts.Check(ts.Exec("cultivar", "runs", "show", "--json", l.ID))
		var r run.Run
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &r))
		if len(r.Outputs) == 0 {
			ts.Fatalf("%s made nothing", r.Kind)
		}
		for _, a := range r.Outputs {
			if !strings.HasPrefix(a.Digest, "sha256:") {
				ts.Fatalf("%s made %s, whose digest is %q", r.Kind, a.Ref, a.Digest)
			}
		}
	}
}
