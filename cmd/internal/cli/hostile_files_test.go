//go:build linux

package cli

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// hostile is a file that means ill, or a directory with one.
type hostile struct {
	name   string
	kind   string                        // of readersOf
	always bool                          // tried without being asked for
	put    func(w world) (string, error) // puts it into a world, and says where
}

// changed says whether a verb may have changed what it was given, so that the next one gets it anew.
func (h hostile) changed(line string) bool {
	return h.kind == "output" || h.kind == "served" || h.kind == "home" && (strings.HasSuffix(line, " --yes") || !strings.Contains("ls show card history sample diff check exclusions redactions", strings.Fields(line + " .")[1]))
}

// texts are contents that are hostile whatever reads them.
var texts = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"nothing": "", "zeros": many("\x00", 1<<20), "opening brackets": many("[", 1<<20), "opening objects": many(`{"a":`, 300_000), "deep": many("[", 4000) + many("]", 4000),
		"deeper": many("[", 100_000) + many("]", 100_000), "deep objects": many(`{"a":`, 4000) + "1" + many("}", 4000), "a long string": `"` + many("a", 30<<20) + `"`,
		"a long number": many("1", 5<<20), "a large number": "1e999999999", "numbers": "[0" + many(",0", 5<<20) + "]", "strings": `[""` + many(`,""`, 3<<20) + "]",
		"objects": `[{}` + many(`,{}`, 3<<20) + "]", "escapes": `"` + many(`\u0000`, 1<<20) + `"`, "no UTF-8": many("\xff\xfe\xfd", 1<<18), "keys": keys(300_000, "0"), "lines": many("\n", 10<<20),
		"spaces": many(" ", 30<<20), "one word": many("a", 30<<20), "null": "null", "wrong": `{"a":"b"}`,
		"anchors": "a: &a [x,x,x,x,x,x,x,x,x]\n" + anchors(12), "colons": many("a: ", 100_000), "dashes": many("- ", 100_000), "question marks": many("? ", 100_000),
		"indented": staircase(3000), "marks": many("a\u0301\u0323", 4<<20), "quotes": many(`"`, 4<<20), "tags": many("!!a ", 100_000), "merges": many("<<: *a\n", 100_000),
	}
})

// keys is an object of n keys with one value.
func keys(n int, value string) string {
	var b strings.Builder
	b.WriteString(`{"k":0`)
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%s`, i, value)
	}
	return b.String() + "}"
}

// anchors are aliases of YAML each of which stands for nine of the one before.
func anchors(n int) string {
	var b strings.Builder
	for i := range n {
		c := string(rune('a' + i))
		fmt.Fprintf(&b, "%c: &%c [*%s%s]\n", 'b'+i, 'b'+i, c, many(",*"+c, 8))
	}
	return b.String()
}

// staircase is YAML whose every line is one deeper.
func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(many(" ", i) + "a:\n")
	}
	return b.String()
}

// odd are no files of bytes.
var odd = map[string]func(path string) error{
	"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o666) },
	"a directory": func(path string) error { return os.Mkdir(path, 0o777) },
	"a loop":      func(path string) error { return os.Symlink(filepath.Base(path), path) },
	"no end":      func(path string) error { return os.Symlink("/dev/zero", path) },
	"holes": func(path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o666), os.Truncate(path, 8<<30))
	},
}

// values are what a key of a configuration may be made.
var values = map[string]string{
	"-1": "-1", "0": "0", "2^31": "2147483648", "2^40": "1099511627776", "2^62": "4611686018427387904", "2^64": "18446744073709551616", "1e308": "1e308", "half": "0.5", "a million": "1000000",
	"null": "null", "true": "true", "text": `"x"`, "long text": `"` + many("x", 10<<20) + `"`, "no list": "[]", "a list": "[0" + many(",0", 1<<20) + "]", "an object": `{"a":1}`,
	"deep": many("[", 4000) + many("]", 4000), "texts": `["a"` + many(`,"a"`, 1<<18) + "]",
}

// contents are all that can be put in the place of a file of a world that holds data, with what is particular to JSON.
func contents(name string, data []byte) map[string]func(path string) error {
	all := map[string]func(string) error{}
	for what, text := range texts() {
		all[what] = func(path string) error { return os.WriteFile(path, []byte(text), 0o666) }
	}
	maps.Copy(all, odd)
	if len(data) > 1 {
		all["half of it"] = func(path string) error { return os.WriteFile(path, data[:len(data)/2], 0o666) }
		all["twice"] = func(path string) error { return os.WriteFile(path, slices.Concat(data, data), 0o666) }
	}
	if filepath.Ext(name) == ".safetensors" {
		maps.Copy(all, headers(data))
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return all
	}
	for what, text := range mutated(object, 2) {
		all[what] = func(path string) error { return os.WriteFile(path, []byte(text()), 0o666) }
	}
	return all
}

// mutated make the texts of a JSON object with each key of it, and of objects in it, made each of the values.
func mutated(object map[string]json.RawMessage, depth int) map[string]func() string {
	out := map[string]func() string{}
	with := func(key string, value func() string) func() string {
		return func() string {
			changed := maps.Clone(object)
			changed[key] = json.RawMessage(value())
			return written(changed)
		}
	}
	for key, old := range object {
		for what, value := range values {
			out[key+" is "+what] = with(key, func() string { return value })
		}
		var inner map[string]json.RawMessage
		if depth > 0 && json.Unmarshal(old, &inner) == nil && len(inner) < 30 {
			for what, text := range mutated(inner, depth-1) {
				out[key+"."+what] = with(key, text)
			}
		}
	}
	return out
}

func written(object map[string]json.RawMessage) string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(object)) {
		fmt.Fprintf(&b, "%c%q:%s", "{,"[min(i, 1)], key, object[key])
	}
	return b.String() + "}"
}

// headers are safetensors files with other headers.
func headers(data []byte) map[string]func(string) error {
	out := map[string]func(string) error{}
	n := binary.LittleEndian.Uint64(data)
	with := func(name string, header func() string) {
		out[name] = func(path string) error {
			h := header()
			return os.WriteFile(path, slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), []byte(h), data[8+n:]), 0o666)
		}
	}
	var tensors map[string]json.RawMessage
	_ = json.Unmarshal(data[8:8+n], &tensors)
	for what, text := range mutated(tensors, 1) {
		with("header: "+what, text)
	}
	for what, text := range texts() {
		with("header: "+what, func() string { return text })
	}
	const none = `{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`
	with("300,000 tensors", func() string { return keys(300_000, none) })
	with("a million tensors", func() string { return keys(1_000_000, none) })
	with("300,000 layers", func() string { // beside what there is
		var b strings.Builder
		for i := range 300_000 {
			fmt.Fprintf(&b, `"model.layers.%d.self_attn.q_proj.weight":%s,`, i+2, none)
		}
		return "{" + b.String() + string(data[9:8+n])
	})
	with("dimensions", func() string {
		return `{"a":{"dtype":"F32","shape":[1` + many(",1", 1<<20) + `],"data_offsets":[0,4]}}`
	})
	for _, size := range []uint64{1 << 63, 1 << 40, 99_999_999, 1<<64 - 1} {
		out[fmt.Sprintf("a header of %d", size)] = func(path string) error {
			return os.WriteFile(path, append(binary.LittleEndian.AppendUint64(nil, size), data[8:]...), 0o666)
		}
	}
	return out
}

// hostileFiles are all that verbs are tried with. A world is asked for the files that are put out of shape.
func hostileFiles(start world) []hostile {
	var all []hostile
	inPlace := func(kind, from, to, file string) {
		data, err := os.ReadFile(start.at(from, file))
		if err != nil {
			data = nil
		}
		for what, write := range contents(file, data) {
			all = append(all, hostile{name: kind + " " + file + ": " + what, kind: kind, put: func(w world) (string, error) {
				var err error
				if from != to {
					err = os.CopyFS(w.at(to), os.DirFS(w.at(from)))
				}
				path := w.at(to, file)
				_ = os.Chmod(filepath.Dir(path), 0o777)
				_ = os.Remove(path)
				return to, errors.Join(err, write(path))
			}})
		}
	}
	for _, file := range []string{
		"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "model.safetensors.index.json", "generation_config.json", "chat_template.jinja", "chat_template.json",
		"special_tokens_map.json", "added_tokens.json", "tokenizer.model", "vocab.json", "merges.txt",
	} {
		inPlace("base", "base", "h", file)
	}
	for _, file := range []string{"adapter_config.json", "adapter_model.safetensors", "lineage.json", "README.md"} {
		inPlace("adapter", "a1", "h", file)
	}
	for _, file := range start.filesUnder("output") {
		rel, _ := filepath.Rel("output", file)
		inPlace("output", "output", "h", rel)
	}
	for _, file := range start.filesUnder("served") {
		rel, _ := filepath.Rel("served", file)
		inPlace("served", "served", "h", rel)
	}
	for _, file := range start.filesUnder("home") {
		inPlace("home", ".", ".", file)
	}
	all = append(all, single()...)
	slices.SortFunc(all, func(a, b hostile) int { return strings.Compare(a.name, b.name) })
	for i := range all {
		all[i].always = slices.Contains(alwaysTried, all[i].name)
	}
	return all
}

// single are hostile files that stand alone.
func single() []hostile {
	var all []hostile
	add := func(kind, file, what string, write func(path string) error) {
		all = append(all, hostile{name: kind + " " + file + ": " + what, kind: kind, put: func(w world) (string, error) { return file, write(w.at(file)) }})
	}
	for kind, files := range map[string][]string{
		"rows": {"h.jsonl", "h.json", "h.csv", "h.txt", "h.parquet"}, "documents": {"h.md", "h.html", "h.txt"}, "messages": {"h.json"}, "template": {"h.jinja"}, "text": {"h.txt"}, "configuration": {"h.yaml"},
	} {
		for _, file := range files {
			for what, write := range contents("", nil) {
				if kind == "text" && (what == "a directory" || what == "a loop" || what == "a pipe") {
					continue // what a shell opens
				}
				add(kind, file, what, write)
			}
		}
	}
	text := func(kind, file, what, s string) {
		add(kind, file, what, func(path string) error { return os.WriteFile(path, []byte(s), 0o666) })
	}
	for what, s := range templates() {
		text("template", "h.jinja", what, s)
	}
	for what, s := range documents() {
		name, what, _ := strings.Cut(what, " ")
		text("documents", name, what, s)
	}
	for what, s := range rowFiles() {
		name, what, _ := strings.Cut(what, " ")
		text("rows", name, what, s)
	}
	for name, b := range bombs {
		add(b.kind, name, "a bomb", func(path string) error { return bomb(path, b.before, b.text) })
	}
	for what, s := range tokenizers() {
		all = append(all, hostile{name: "base tokenizer: " + what, kind: "base", put: func(w world) (string, error) {
			return "h", errors.Join(os.CopyFS(w.at("h"), os.DirFS(w.at("base"))), os.WriteFile(w.at("h", "tokenizer.json"), []byte(s), 0o666))
		}})
	}
	for what, s := range ggufs() {
		text("base", "h", "GGUF, "+what, s)
	}
	for what, s := range ignores() {
		all = append(all, hostile{name: "ignored: " + what, kind: "ignored", put: func(w world) (string, error) {
			deep := w.at("h", many("a/", 60))
			return "h", errors.Join(os.MkdirAll(deep, 0o777), os.WriteFile(filepath.Join(deep, "a.md"), []byte("Ferries leave from the second pier when the tide is high."), 0o666),
				os.WriteFile(w.at("h", ".cultivarignore"), []byte(s), 0o666))
		}})
	}
	return all
}

// bombs are small files of a gigabyte of one text, by their names.
var bombs = map[string]struct{ kind, before, text string }{
	"h.txt.gz": {"documents", "", "a"}, "h.txt.zst": {"documents", "", "a"}, "h.md.gz": {"documents", "", "[a]"}, "h.html.gz": {"documents", "", "<p>"},
	"rows.jsonl.gz": {"rows", "", `{"text":"a b c a b c a b c"}` + "\n"}, "h.jsonl.gz": {"rows", `{"text":"`, "a "}, "h.jsonl.zst": {"rows", `{"text":"`, "a"}, "h.csv.gz": {"rows", "", "a "}, "h.json.gz": {"rows", "[0", ",0"},
}

// bomb writes one.
func bomb(path, before, text string) error {
	if filepath.Ext(path) == ".zst" {
		return os.WriteFile(path, zstdBomb(before, text[0]), 0o666)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := gzip.NewWriter(f)
	_, failed := io.WriteString(w, before)
	err = errors.Join(err, failed)
	block := many(text, 1<<20/len(text))
	for range 1 << 10 {
		_, failed := io.WriteString(w, block)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, w.Close(), f.Close())
}

// zstdBomb is a frame of a text as it is, and of blocks that are one byte 128 kB of times (RFC 8878, 3.1.1).
func zstdBomb(before string, c byte) []byte {
	block := func(b []byte, size, kind, last int) []byte {
		h := size<<3 | kind<<1 | last
		return append(b, byte(h), byte(h>>8), byte(h>>16))
	}
	b := append(block([]byte{0x28, 0xB5, 0x2F, 0xFD, 0, 0x38}, len(before), 0, 0), before...)
	for range 1 << 13 {
		b = append(block(b, 1<<17, 1, 0), c)
	}
	return block(b, 0, 0, 1)
}

func quoted(s string) string { return strconv.Quote(s) }
