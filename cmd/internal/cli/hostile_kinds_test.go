//go:build linux

package cli

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// alwaysTried are the hostile files that are tried without being asked for.
var alwaysTried = []string{
	"adapter adapter_config.json: r is 2^62", "adapter adapter_model.safetensors: header: deep", "base added_tokens.json: keys", "base config.json: num_hidden_layers is 2^40", "base config.json: vocab_size is 2^62",
	"base h: GGUF, layers", "base model.safetensors: dimensions", "base tokenizer: growing merges", "base tokenizer: replacements", "base tokenizer_config.json: holes", "configuration h.yaml: anchors", "documents h.html: links",
	"home home/datasets/d/v1/manifest.json: opening objects", "ignored: many double stars", "messages h.json: deeper", "rows h.txt: words", "template h.jinja: indent", "template h.jinja: loops in loops", "text h.txt: no end", "text h.txt: one word",
}

// templates are chat templates that would go on for ever, or take all memory.
func templates() map[string]string {
	return map[string]string{
		"a long range":        "{% for i in range(10**9) %}{% endfor %}",
		"loops in loops":      many("{% for i in range(1000) %}", 10) + "x" + many("{% endfor %}", 10),
		"loops that add":      "{% set ns = namespace(s='a') %}{% for i in range(100000) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
		"a text times":        "{{ 'a' * 10**12 }}",
		"texts times":         "{% for i in range(100000) %}{% set s = 'a' * 100000 %}{% endfor %}",
		"a list times":        "{{ [0] * 10**12 }}",
		"lists times":         "{% set x = [0] * 1000 %}{% for i in range(100) %}{% set x = x * 2 %}{% endfor %}{{ x }}",
		"power":               "{{ 10 ** 10 ** 10 }}",
		"powers":              "{% for i in range(100000) %}{% set x = 7 ** 100000 %}{% endfor %}",
		"large numbers":       "{% set ns = namespace(x=7) %}{% for i in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
		"recursion":           "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
		"center":              "{{ 'a'.center(10**12) }}{{ 'a'.ljust(10**12) }}",
		"format":              "{{ '%1000000000d' % 1 }}{{ '{:1000000000}'.format(1) }}",
		"indent":              "{{ ('a\n' * 100000) | indent(100000) }}",
		"replace":             "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}",
		"replace nothing":     "{% set s = 'a' * 10000 %}{% for i in range(100000) %}{% set t = s.replace('', s) %}{% endfor %}",
		"join":                "{{ (['a'] * 100000) | join('a' * 100000) }}",
		"split":               "{% for i in range(100000) %}{% set x = ('a ' * 10000).split(' ') %}{% endfor %}",
		"sort":                "{% for i in range(100000) %}{% set x = range(10000) | sort | list %}{% endfor %}",
		"search":              "{% set s = 'a' * 1000000 %}{% set t = 'a' * 500000 + 'b' %}{% for i in range(100000) %}{% if t in s %}{% endif %}{% endfor %}",
		"count":               "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set c = s.count('a') %}{% endfor %}",
		"upper":               "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set c = s | upper %}{% endfor %}",
		"length":              "{% set s = 'é' * 1000000 %}{% for i in range(100000) %}{% set c = s | length %}{% endfor %}",
		"slices":              "{% set s = 'é' * 1000000 %}{% for i in range(100000) %}{% set c = s[::-1] %}{% endfor %}",
		"index":               "{% set s = 'é' * 1000000 %}{% for i in range(100000) %}{% set c = s[999999] %}{% endfor %}",
		"compare":             "{% set s = 'a' * 1000000 %}{% set t = 'a' * 1000000 %}{% for i in range(100000) %}{% if s == t %}{% endif %}{% endfor %}",
		"compare lists":       "{% set s = range(100000) | list %}{% set t = range(100000) | list %}{% for i in range(100000) %}{% if s == t %}{% endif %}{% endfor %}",
		"lists in lists":      "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
		"lists of itself":     "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
		"tojson of itself":    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
		"equal of itself":     "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
		"string of itself":    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | string | length }}",
		"tojson":              "{% for i in range(100000) %}{% set x = ('a' * 10000) | tojson(indent=1000) %}{% endfor %}",
		"brackets":            "{{ " + many("(", 100_000) + "1" + many(")", 100_000) + " }}",
		"nots":                "{{ " + many("not ", 100_000) + "1 }}",
		"minus":               "{{ " + many("-", 100_000) + "1 }}",
		"sums":                "{{ 1" + many("+1", 1_000_000) + " }}",
		"filters":             "{{ 'a'" + many("|upper", 300_000) + " }}",
		"dots":                "{{ messages" + many("[0]", 300_000) + " }}",
		"lists":               "{{ " + many("[", 100_000) + many("]", 100_000) + " }}",
		"ifs":                 many("{% if 1 %}", 100_000) + many("{% endif %}", 100_000),
		"elifs":               "{% if 0 %}" + many("{% elif 0 %}", 300_000) + "{% endif %}",
		"ternaries":           "{{ " + many("1 if 1 else ", 100_000) + "1 }}",
		"open":                many("{{", 100_000),
		"open blocks":         many("{% for i in x %}", 100_000),
		"comments":            many("{# #}", 1_000_000),
		"a long literal":      "{{ '" + many("a", 10<<20) + "' }}",
		"a list of a million": "{% for i in [1" + many(",1", 1_000_000) + "] %}{% endfor %}",
		"a million outputs":   many("{{ 1 }}", 1_000_000),
		"a million sets":      many("{% set a = 1 %}", 500_000),
		"strftime":            "{{ strftime_now('" + many("%c", 1_000_000) + "') }}{% for i in range(100000) %}{{ strftime_now('%c%c%c%c') }}{% endfor %}",
		"batch":               "{{ [1] | batch(10**12, 0) | list }}{{ [1] | slice(10**12) | list }}",
		"wordwrap":            "{{ ('a ' * 1000000) | wordwrap(1) }}",
		"titles":              "{% for i in range(100000) %}{% set x = ('a b ' * 10000) | title %}{% endfor %}",
		"an exception":        "{{ raise_exception('a' * 10000000) }}",
		"an exception of its": "{{ raise_exception('" + many("a", 10<<20) + "') }}",
		"a name":              "{{ " + many("a", 10<<20) + " }}", "an unknown filter": "{{ 1 | " + many("a", 10<<20) + " }}", "a key": "{{ {}['" + many("a", 10<<20) + "']() }}",
		"zip": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "dict": "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = dict(ns.d, **{i|string: i}) %}{% endfor %}",
		"unique": "{% for i in range(1000) %}{% set x = range(100000) | unique | list %}{% endfor %}", "groupby": "{% for i in range(1000) %}{% set x = range(100000) | map('string') | list | groupby('a') %}{% endfor %}",
		"map": "{% for i in range(1000) %}{% set x = range(100000) | map('string') | join %}{% endfor %}", "sum": "{% for i in range(100000) %}{% set x = range(100000) | sum %}{% endfor %}",
		"last": "{% for i in range(100000) %}{% set x = range(100000) | last %}{% endfor %}", "random in": "{% set l = range(100000) | list %}{% for i in range(100000) %}{% if -1 in l %}{% endif %}{% endfor %}",
		"strip": "{% set s = ' ' * 1000000 %}{% for i in range(100000) %}{% set x = s | trim %}{% endfor %}", "startswith": "{% set s = ' ' * 1000000 %}{% for i in range(100000) %}{% set x = s.startswith(s) %}{% endfor %}",
		"isdigit": "{% set s = '1' * 1000000 %}{% for i in range(100000) %}{% set x = s.isdigit() %}{% endfor %}", "int": "{% set s = '1' * 100000 %}{% for i in range(100000) %}{% set x = s | int %}{% endfor %}",
		"float": "{% set s = '1' * 1000000 %}{% for i in range(100000) %}{% set x = s | float %}{% endfor %}", "find": "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s.find('b') %}{% endfor %}",
		"reverse": "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s | reverse %}{% endfor %}", "escape": "{% set s = '<' * 1000000 %}{% for i in range(100000) %}{% set x = s | e %}{% endfor %}",
		"less": "{% set s = 'a' * 1000000 %}{% set t = s + 'b' %}{% for i in range(100000) %}{% if s < t %}{% endif %}{% endfor %}", "list of text": "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s | list %}{% endfor %}",
		"loop over text": "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% for c in s %}{% break %}{% endfor %}{% endfor %}", "splitlines": "{% set s = 'a\n' * 100000 %}{% for i in range(100000) %}{% set x = s.splitlines() %}{% endfor %}",
		"keys": "{% set d = {" + strings.TrimPrefix(keys(50_000, "0"), "{") + " %}{% for i in range(100000) %}{% set x = d | dictsort %}{% endfor %}", "hash": "{% set s = ('a' * 1000000) %}{% set d = {s: 1} %}{% for i in range(100000) %}{% set x = d[s] %}{% endfor %}",
		"big products": "{% set a = 7 ** 30000 %}{% for i in range(100000) %}{% set x = a * a %}{% endfor %}", "big divisions": "{% set a = 7 ** 30000 %}{% set b = 7 ** 15000 %}{% for i in range(100000) %}{% set x = a // b %}{% endfor %}",
		"big texts": "{% set a = 7 ** 30000 %}{% for i in range(100000) %}{% set x = a | string %}{% endfor %}",
	}
}

// documents are pages that are more than they seem; the first word is the name of the file.
func documents() map[string]string {
	return map[string]string{
		"h.html depth": many("<div>", 200_000) + "a", "h.html tables": many("<table><tr><td>", 30_000) + "a", "h.html wide": "<table><tr><td>a</tr><tr>" + many("<td>x", 25_000) + "</tr>" + many("<tr><td>y</tr>", 5000) + "</table>",
		"h.html spans": "<table><tr>" + many(`<td rowspan=65534 colspan=1000>x`, 100) + "</tr></table>", "h.html attributes": "<p " + many("a=b ", 1_000_000) + ">x", "h.html names": "<" + many("a", 10<<20) + ">x",
		"h.html entities": many("&amp;", 5<<20), "h.html formatting": many("<b><i><a>", 50_000) + "x", "h.html misnested": many("<b><p>", 20_000), "h.html lists": many("<ul><li>", 50_000) + "x", "h.html comments": many("<!--", 1<<20), "h.html quotes": many("<blockquote>", 30_000) + "x",
		"h.html scripts": many("<script>", 1<<20), "h.html selects": many("<select><option>", 100_000), "h.html svg": many("<svg><foreignObject>", 50_000), "h.html templates": many("<template>", 100_000), "h.html headings": many("<h1>a</h1>", 300_000), "h.html links": many(`<a href="x">a</a>`, 300_000), "h.html brackets": many("<", 10<<20),
		"h.md brackets": many("[", 1<<20), "h.md stars": many("*a ", 1<<20), "h.md quotes": many("> ", 100_000) + "a", "h.md lists": many("- ", 100_000) + "a", "h.md fences": many("```\n", 1<<20), "h.md headings": many("# a\n", 1<<20), "h.md pipes": many("|", 5<<20), "h.md links": many("[a](", 1<<20), "h.md code": many("`", 5<<20),
		"h.md matter": "---\ntags: " + many("[", 60_000) + "\n---\nFerries leave.", "h.md closed": "---\ntags: " + many("[", 30_000) + many("]", 30_000) + "\n---\nFerries leave.", "h.md anchored": "---\n" + "a: &a [x,x,x,x,x,x,x,x,x]\n" + anchors(12) + "---\nFerries leave.", "h.md matters": "---\n" + many("a: b\n", 1<<20) + "---\nFerries leave.",
		"h.md keys": "---\n" + strings.ReplaceAll(strings.Trim(keys(300_000, "0"), "{}"), ",", "\n") + "\n---\nFerries leave.", "h.md staircase": "---\n" + staircase(3000) + "---\nFerries leave.", "h.md strings": "---\na: \"" + many(`\x41`, 1<<20) + "\"\n---\nFerries leave.", "h.md folded": "---\na: >\n" + many("  a\n", 1<<20) + "---\nFerries leave.",
	}
}

// rowFiles are rows that are more than they seem.
func rowFiles() map[string]string {
	row := func(s string) string { return many(s+"\n", 8) }
	return map[string]string{
		"h.csv wide": "a,b\n" + many(",", 30_000) + "\n" + many("x\n", 30_000), "h.csv header": many("text,", 500_000) + "\n" + many("a\n", 1000), "h.csv quote": "text\n\"" + many("a\n", 5<<20), "h.csv quotes": "text\n" + many(`""`, 5<<20), "h.csv row": "text\n" + many("a,", 5<<20),
		"h.jsonl depth": row(many(`{"a":`, 300_000)), "h.jsonl closed": row(`{"text":` + many("[", 9000) + many("]", 9000) + "}"), "h.jsonl one": `{"text":"` + many("a", 30<<20) + `"}`, "h.jsonl words": `{"text":"` + many("a ", 15<<20) + `"}`, "h.jsonl keys": row(keys(300_000, "0")), "h.jsonl text keys": row(keys(100_000, `"a"`)), "h.jsonl escapes": row(`{"text":"` + many(`\u0301`, 1<<20) + `"}`),
		"h.jsonl turns": `{"messages":[{"role":"user","content":"a"}` + many(`,{"role":"assistant","content":"a"},{"role":"user","content":"a"}`, 200_000) + `]}`, "h.jsonl parts": row(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"}` + many(`,{"type":"text","text":"a"}`, 200_000) + `]},{"role":"assistant","content":"a"}]}`),
		"h.jsonl tools": row(`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"a"}],"tools":[` + many(`{},`, 300_000) + `{}]}`), "h.jsonl arguments": row(`{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":` + quoted(many("[", 500_000)) + `}}]}]}`),
		"h.jsonl numbers": row(`{"text":` + many("1", 1<<20) + `}`), "h.json objects": "[" + many(`{"text":"a"},`, 1<<20) + `{"text":"a"}]`, "h.json one": `{"data":[` + many(`{"text":"a"},`, 1<<20) + `{"text":"a"}]}`,
		"h.txt lines": many("a\n", 5<<20), "h.txt words": many("a ", 15<<20), "h.txt one": many("a", 30<<20),
	}
}

// tokenizers are tokenizer.json files that grow what they read, or never end.
func tokenizers() map[string]string {
	with := func(key, value string) string {
		return strings.Replace(tinyTokenizer, `"`+key+`":null`, `"`+key+`":`+value, 1)
	}
	pre := func(value string) string {
		return strings.Replace(tinyTokenizer, `{"type":"Whitespace"}`, value, 1)
	}
	model := func(value string) string {
		return tinyTokenizer[:strings.Index(tinyTokenizer, `"model"`)] + `"model":` + value + "}"
	}
	var vocab, merges strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&vocab, `,"%d":%d`, i, i+5)
		fmt.Fprintf(&merges, `,"%d %d"`, i/10, i%10)
	}
	base := `{"</s>":0,"<unk>":1,"a":2,"b":3,"c":4`
	chain := base
	chainMerges := `["a","a"]`
	for i, n := 5, 2; i < 20; i, n = i+1, n*2 {
		chain += fmt.Sprintf(`,%q:%d`, many("a", n), i)
		if i > 5 {
			chainMerges += fmt.Sprintf(`,[%q,%q]`, many("a", n/2), many("a", n/2))
		}
	}
	return map[string]string{
		"replacements":         with("normalizer", `{"type":"Sequence","normalizers":[`+many(`{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"},`, 9)+`{"type":"NFC"}]}`),
		"a long replacement":   with("normalizer", `{"type":"Replace","pattern":{"String":"a"},"content":"`+many("a", 10<<20)+`"}`),
		"a long prepend":       with("normalizer", `{"type":"Prepend","prepend":"`+many("a", 10<<20)+`"}`),
		"deep pre-tokenizers":  pre(many(`{"type":"Sequence","pretokenizers":[`, 4000) + many("]}", 4000)),
		"wide pre-tokenizers":  pre(`{"type":"Sequence","pretokenizers":[` + many(`{"type":"Whitespace"},`, 100_000) + `{"type":"Whitespace"}]}`),
		"deep normalizers":     with("normalizer", many(`{"type":"Sequence","normalizers":[`, 4000)+many("]}", 4000)),
		"wide normalizers":     with("normalizer", `{"type":"Sequence","normalizers":[`+many(`{"type":"NFKD"},`, 100_000)+`{"type":"NFC"}]}`),
		"deep decoders":        with("decoder", many(`{"type":"Sequence","decoders":[`, 4000)+many("]}", 4000)),
		"wide decoders":        with("decoder", `{"type":"Sequence","decoders":[`+many(`{"type":"Fuse"},`, 100_000)+`{"type":"Fuse"}]}`),
		"long decoders":        with("decoder", `{"type":"Sequence","decoders":[`+many(`{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"},`, 9)+`{"type":"Fuse"}]}`),
		"long templates":       with("post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}`+many(`,{"Sequence":{"id":"A","type_id":0}}`, 300_000)+`],"pair":[],"special_tokens":{}}`),
		"a regular expression": pre(`{"type":"Split","pattern":{"Regex":"(a+)+$"},"behavior":"Isolated","invert":false}`),
		"repetitions":          pre(`{"type":"Split","pattern":{"Regex":"((((a{1,1000}){1,1000}){1,1000}){1,1000})"},"behavior":"Isolated","invert":false}`),
		"nested groups":        pre(`{"type":"Split","pattern":{"Regex":"` + many("(", 100_000) + many(")", 100_000) + `"},"behavior":"Isolated","invert":false}`),
		"look-ahead":           pre(`{"type":"Split","pattern":{"Regex":"` + many("(?=a", 10_000) + many(")", 10_000) + `"},"behavior":"Isolated","invert":false}`),
		"alternatives":         pre(`{"type":"Split","pattern":{"Regex":"a` + many("|a", 1<<20) + `"},"behavior":"Isolated","invert":false}`),
		"classes":              pre(`{"type":"Split","pattern":{"Regex":"` + many(`[\\p{L}\\p{N}]+`, 10_000) + `"},"behavior":"Isolated","invert":false}`),
		"stars":                pre(`{"type":"Split","pattern":{"Regex":"` + many(`a*`, 10_000) + `"},"behavior":"Isolated","invert":false}`),
		"a large vocabulary":   model(`{"type":"WordLevel","vocab":` + base + vocab.String() + `},"unk_token":"<unk>"}`),
		"a large id":           model(`{"type":"WordLevel","vocab":{"</s>":0,"<unk>":4294967295,"a":2},"unk_token":"<unk>"}`),
		"many merges":          model(`{"type":"BPE","vocab":` + base + vocab.String() + `},"merges":["a b"` + merges.String() + `]}`),
		"growing merges":       model(`{"type":"BPE","vocab":` + chain + `},"merges":[` + chainMerges + `]}`),
		"long unigrams":        model(`{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["` + many("a", 1<<20) + `",-2]]}`),
		"word pieces":          model(`{"type":"WordPiece","unk_token":"<unk>","continuing_subword_prefix":"##","max_input_chars_per_word":1000000000,"vocab":{"<unk>":0,"a":1,"##a":2}}`),
		"added tokens":         strings.Replace(tinyTokenizer, `"added_tokens":[`, `"added_tokens":[`+many(`{"id":5,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},`, 300_000), 1),
		"a long added token":   strings.Replace(tinyTokenizer, `"</s>","single`, `"`+many("a", 10<<20)+`","single`, 1),
		"precompiled":          with("normalizer", `{"type":"Precompiled","precompiled_charsmap":"`+many("A", 10<<20)+`"}`),
	}
}

// ggufs are files whose headers promise what is not there.
func ggufs() map[string]string {
	le := binary.LittleEndian
	head := func(tensors, pairs uint64) []byte {
		return le.AppendUint64(le.AppendUint64(append([]byte("GGUF"), 3, 0, 0, 0), tensors), pairs)
	}
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	pair := func(b []byte, key string, typ uint32) []byte { return le.AppendUint32(text(b, key), typ) }
	many32 := func(n int, each []byte) []byte { return []byte(many(string(each), n)) }
	array := func(elem uint32, count uint64, body []byte) string {
		b := pair(head(0, 1), "tokenizer.ggml.tokens", 9)
		return string(append(le.AppendUint64(le.AppendUint32(b, elem), count), body...))
	}
	var named []byte
	for i := range 300_000 {
		named = le.AppendUint64(le.AppendUint32(le.AppendUint64(le.AppendUint32(text(named, fmt.Sprint("blk.", i, ".attn_q.weight")), 1), 0), 0), 0)
	}
	var pairs []byte
	for i := range 60_000 {
		pairs = append(pair(pairs, fmt.Sprint("k", i), 0), 1)
	}
	llama := func(more ...string) string {
		b := text(pair(head(0, uint64(1+len(more)/2)), "general.architecture", 8), "llama")
		for i := 0; i < len(more); i += 2 {
			b = append(pair(b, more[i], 4), more[i+1]...)
		}
		return string(b)
	}
	return map[string]string{
		"a head":      "GGUF",
		"all tensors": string(head(1<<63, 1)), "all pairs": string(head(1, 1<<63)), "a million tensors": string(head(1<<20, 0)) + many("\x00", 30<<20),
		"named tensors": string(head(300_000, 0)) + string(named), "pairs": string(head(0, 60_000)) + string(pairs), "an array": array(0, 1<<40, nil), "an array of texts": array(8, 3_000_000, many32(3_000_000, make([]byte, 8))),
		"an array of numbers": array(4, 10<<20, make([]byte, 40<<20)), "arrays of arrays": array(9, 1<<20, make([]byte, 12<<20)), "layers": llama("llama.block_count", "\xff\xff\xff\xff"), "widths": llama("llama.block_count", "\x01\x00\x00\x00", "llama.embedding_length", "\xff\xff\xff\x7f", "llama.attention.head_count", "\x01\x00\x00\x00"),
		"heads": llama("llama.block_count", "\x01\x00\x00\x00", "llama.embedding_length", "\x08\x00\x00\x00", "llama.attention.head_count", "\xff\xff\xff\xff"), "no heads": llama("llama.block_count", "\x01\x00\x00\x00", "llama.embedding_length", "\x08\x00\x00\x00", "llama.attention.head_count", "\x00\x00\x00\x00"),
	}
}

// ignores are patterns that take long to match.
func ignores() map[string]string {
	return map[string]string{
		"double stars": many("**/a/", 9) + "z\n", "many double stars": many("**/a/", 1000) + "z\n", "stars": many("*a", 1000) + "z\n", "question marks": many("*?", 5000) + "\n", "classes": many("[a-z]*", 2000) + "z\n", "lines": many("**/a/**/b\n", 300_000), "a long line": many("a", 30<<20), "open classes": many("[", 1<<20),
	}
}
