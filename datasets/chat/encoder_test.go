package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/testkit"
)

func user(text string) datasets.Message { return datasets.Message{Role: "user", Content: text} }
func said(text string) datasets.Message { return datasets.Message{Role: assistant, Content: text} }

func conversation(m ...datasets.Message) datasets.Conversation {
	return datasets.Conversation{Messages: m}
}

var twoAnswers = conversation(user("One?"), said("Two."), user("Three?"), said("Four."))

// Templates of the kinds that models come with, without what is not of turns.
const (
	// Qwen3: the thoughts of earlier turns are left out.
	thinking = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' and loop.last %}<think>
{{ m.reasoning_content or '' }}
</think>

{% endif %}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`
	// DeepSeek-R1: the prompt begins thoughts that no turn shows.
	begun = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content.split('</think>')[-1] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}`
	// Phi-3.5: a token ends the conversation, and a text the turns.
	ended = `{% for m in messages %}[{{ m.role }}] {{ m.content }}|end|
{% endfor %}{% if add_generation_prompt %}[assistant] {% else %}{{ eos_token }}{% endif %}`
	// gpt-oss: the last turn ends with another token.
	returned = `{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}{% if loop.last and m.role == 'assistant' %}<|im_end|>{% else %}<|endoftext|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{% endif %}`
	// MiniCPM, Alpaca: nothing ends a turn.
	endless = "{% for m in messages %}### {{ m.role }}\n{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}### assistant\n{% endif %}"
	// Hermes: what stands before the prompt differs from what stands before a turn.
	apart = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% if not loop.last or m.role == 'assistant' %}<|im_end|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	// GLM: the next turn's first token ends a turn.
	following = "{% for m in messages %}{{ '<|endoftext|>' if m.role == 'user' else '<|im_start|>' }}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}"
)

func TestTrainOn(t *testing.T) {
	none := false
	weighted := conversation(user("One?"), datasets.Message{Role: assistant, Content: "Two.", Train: &none}, user("Three?"), said("Four."))
	completion := datasets.Conversation{Messages: twoAnswers.Messages[:3], Completion: twoAnswers.Messages[3:]}
	thought := datasets.Message{Role: assistant, Content: "Two.", Reasoning: "Hmm."}
	marked := "{% for m in messages %}{{ m.role }} {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}"
	for _, c := range []struct {
		name, source string
		on           TrainOn
		talk         datasets.Conversation
		want, errs   string
	}{
		{"nests", chatML, Auto, twoAnswers, "Two.<|im_end|>|Four.<|im_end|>", ""},
		{"nests", chatML, EveryTurn, twoAnswers, "Two.<|im_end|>||Four.<|im_end|>", ""},
		{"nests", chatML, LastTurn, twoAnswers, "Four.<|im_end|>", ""},
		{"weights", chatML, Auto, weighted, "Four.<|im_end|>", ""},
		{"completion", chatML, Auto, completion, "Four.<|im_end|>", ""},
		{"completion", thinking, Auto, completion, "<think>\n\n</think>\n\nFour.<|im_end|>", ""},
		{"thinking", thinking, Auto, twoAnswers, "<think>\n\n</think>\n\nTwo.<|im_end|>||<think>\n\n</think>\n\nFour.<|im_end|>", ""},
		{"thinking", thinking, LastTurn, twoAnswers, "<think>\n\n</think>\n\nFour.<|im_end|>", ""},
		{"thinking", thinking, All, twoAnswers, "", "message 2: the template writes it differently when more messages follow (train_on: every_turn"},
		{"thought", thinking, Auto, conversation(user("One?"), thought), "<think>\nHmm.\n</think>\n\nTwo.<|im_end|>", ""},
		{"begun", begun, Auto, twoAnswers, "</think>\n\nTwo.<|im_end|>||</think>\n\nFour.<|im_end|>", ""},
		{"begun, thought", begun, Auto, conversation(user("One?"), thought), "Hmm.\n</think>\n\nTwo.<|im_end|>", ""},
		{"begun, thought in the content", begun, Auto, conversation(user("One?"), said("<think>\nHmm.\n</think>\n\nTwo.")), "Hmm.\n</think>\n\nTwo.<|im_end|>", ""},
		{"ended", ended, Auto, twoAnswers, "Two.|end||Four.|end|", ""},
		{"returned", returned, Auto, twoAnswers, ":Two.<|im_end|>||:Four.<|im_end|>", ""},
		{"endless", endless, Auto, twoAnswers, "Two.<|im_end|>||Four.<|im_end|>", ""},
		{"endless", endless, All, twoAnswers, "Two.|Four.<|im_end|>", ""},
		{"apart", apart, Auto, twoAnswers, "Two.<|im_end|>||Four.<|im_end|>", ""},
		{"following", following, Auto, twoAnswers, "Two.<|endoftext|>||Four.<|endoftext|>", ""},
		{"marked", marked, Auto, twoAnswers, "Two.|Four.", ""},
		{"marked, weights", marked, Auto, weighted, "Four.", ""},
		{"marked, every turn", marked, EveryTurn, twoAnswers, "Two.||Four.", ""},
		{"words like the end", chatML, Auto, conversation(user("a"), said("end")), "end<|im_end|>", ""},
		{"no reasoning", chatML, Auto, conversation(user("a"), thought), "", "message 2: the template leaves out its reasoning"},
		{"no words", "{% for m in messages %}{{ m.role }}:{% endfor %}", Auto, twoAnswers, "", "leaves out its content"},
		{"a user's turn", chatML, Auto, conversation(datasets.Message{Role: "user", Content: "a", Train: new(bool)}, said("b")), "b<|im_end|>", ""},
		{"a token of prompt and word", "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}", Auto, conversation(user("a"), said("do")), "do<|im_end|>", ""},
		{"a preference", chatML, Auto, datasets.Conversation{Messages: twoAnswers.Messages, Chosen: twoAnswers.Messages[3:]}, "", "a pair of answers"},
		{"nothing", chatML, Auto, conversation(user("One?"), datasets.Message{Role: assistant, Content: "Two.", Train: &none}), "", ErrNothingTrained.Error()},
	} {
		e := encoderFor(t, c.source)
		e.TrainOn = c.on
		e.Stop = idsOf(t, e.Tokenizer, "<|im_end|>", "<|endoftext|>")
		got, err := trainedText(t, e, c.talk)
		switch {
		case c.errs == "" && (err != nil || got != c.want):
			t.Errorf("%s, %s: got %q, %v, want %q", c.name, c.on, got, err, c.want)
		case c.errs != "" && (err == nil || !strings.Contains(err.Error(), c.errs)):
			t.Errorf("%s, %s: got %q, error %v, want error %q", c.name, c.on, got, err, c.errs)
		}
	}
}

func idsOf(t *testing.T, tok *tokenizer.Tokenizer, tokens ...string) (ids []int32) {
	t.Helper()
	for _, s := range tokens {
		id, ok := tok.ID(s)
		if !ok {
			t.Fatalf("no token %s", s)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestTrainedUser(t *testing.T) {
	yes := true
	_, err := encoderFor(t, chatML).Conversation(conversation(datasets.Message{Role: "user", Content: "s3cret", Train: &yes}, said("b")))
	if err == nil || !strings.Contains(err.Error(), "message 1: is marked") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

const calling = `{% for x in tools or [] %}{{ x.function.name }};{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% for c in m.tool_calls or [] %}<call>{{ c.function.name }} {{ c.function.arguments|tojson }} {{ c.id }}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

func TestTools(t *testing.T) {
	call := func(arguments string) datasets.Message {
		return datasets.Message{Role: assistant, Null: true, ToolCalls: []datasets.ToolCall{{ID: "c1", Name: "tide", Arguments: arguments}}}
	}
	round := func(arguments string) datasets.Conversation {
		c := conversation(user("How high?"), call(arguments), datasets.Message{Role: "tool", Content: "2.4", ToolCallID: "c1"}, said("2.4 m."))
		c.Tools = `[{"type": "function", "function": {"name": "tide"}}]`
		return c
	}
	const object = `{"z": 1, "a": "ü"}`
	quoted, _ := json.Marshal(object)
	items := strings.Replace(calling, "{{ c.function.arguments|tojson }}", "{% for k, v in c.function.arguments.items() %}{{ k }}={{ v }},{% endfor %}", 1)
	text := strings.Replace(calling, "{{ c.function.arguments|tojson }}", "{{ '' + c.function.arguments }}", 1)
	for _, c := range []struct{ name, source, arguments, want, errs string }{
		{"an object", calling, object, `<call>tide {"z": 1, "a": "ü"} c1<|im_end|>|2.4 m.<|im_end|>`, ""},
		{"a string that would be quoted", calling, string(quoted), `<call>tide {"z": 1, "a": "ü"} c1<|im_end|>|2.4 m.<|im_end|>`, ""},
		{"a string", strings.Replace(calling, "|tojson", "", 1), string(quoted), `<call>tide {"z": 1, "a": "ü"} c1<|im_end|>|2.4 m.<|im_end|>`, ""},
		{"a string, and an object is needed", items, string(quoted), `<call>tide z=1,a=ü, c1<|im_end|>|2.4 m.<|im_end|>`, ""},
		{"an object, and a string is needed", text, object, `<call>tide {"z": 1, "a": "ü"} c1<|im_end|>|2.4 m.<|im_end|>`, ""},
		{"a large number", calling, `{"n":12345678901234567890}`, "", "message 2: tool_calls: the arguments of call 1 hold a number that is too large"},
		{"no JSON", calling, `{`, "", "message 2: tool_calls: the arguments of call 1 are not JSON"},
		{"no calls", strings.Replace(chatML, "for m in messages", "for m in messages if tools", 1), object, "", "leaves out its tool_calls"},
		{"no tools", strings.Replace(calling, "{{ x.function.name }};", "", 1), object, "", "leaves out the tools"},
	} {
		got, err := trainedText(t, encoderFor(t, c.source), round(c.arguments))
		got = strings.ReplaceAll(got, "None", "")
		switch {
		case c.errs == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		case c.errs != "" && (err == nil || !strings.Contains(err.Error(), c.errs)):
			t.Errorf("%s: got %q, error %v, want error %q", c.name, got, err, c.errs)
		}
	}
	bad := round(object)
	bad.Tools = `{"name": "s3cret"}`
	if _, err := encoderFor(t, calling).Conversation(bad); err == nil || err.Error() != "tools are not a JSON list" {
		t.Errorf("got %v", err)
	}
}

func TestParts(t *testing.T) {
	listed := "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{% if p.type == 'text' %}({{ p.text }}){% endif %}{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
	parts := conversation(user("a"), datasets.Message{Role: assistant, Parts: []string{"b", "c"}})
	for _, c := range []struct {
		source string
		talk   datasets.Conversation
		want   string
	}{
		{chatML, parts, "bc<|im_end|>"},
		{listed, parts, "(b)(c)<|im_end|>"},
		{listed, conversation(user("a"), said("bc")), "(bc)<|im_end|>"},
	} {
		if got, err := trainedText(t, encoderFor(t, c.source), c.talk); err != nil || got != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	spaced := strings.ReplaceAll(chatML, "<|im_start|>assistant\n{% endif", "<|im_start|>assistant{% endif")
	for _, c := range []struct{ name, source, prompt, answer string }{
		{"plain", chatML, "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n", "Two.<|im_end|>"},
		{"a line that is not asked for", spaced, "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant", "Two.<|im_end|>"},
		{"thoughts that are empty", thinking, "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n", "Two.<|im_end|>"},
		{"thoughts that are begun", begun, "<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n<think>\n</think>\n\n", "Two.<|im_end|>"},
		{"nothing ends it", endless, "### user\nOne?\n### assistant\n", "Two.<|im_end|>"},
	} {
		e := encoderFor(t, c.source)
		prompt, answer, err := e.Answer(conversation(user("One?")), []datasets.Message{said("Two.")})
		if got := e.Tokenizer.Decode(prompt, false); err != nil || got != c.prompt {
			t.Errorf("%s: prompt %q, %v, want %q", c.name, got, err, c.prompt)
		}
		if got := e.Tokenizer.Decode(answer, false); got != c.answer {
			t.Errorf("%s: answer %q, want %q", c.name, got, c.answer)
		}
	}
	e := encoderFor(t, "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}")
	_, answer, err := e.Answer(conversation(user("One?")), []datasets.Message{said("do")})
	if got := e.Tokenizer.Decode(answer, false); err != nil || got != " do<|im_end|>" {
		t.Errorf("a space of the word's token: got %q, %v", got, err)
	}
	e = encoderFor(t, thinking)
	_, answer, err = e.Answer(conversation(user("One?")), []datasets.Message{{Role: assistant, Content: "Two.", Reasoning: "Hmm."}})
	if got := e.Tokenizer.Decode(answer, false); err != nil || got != "<think>\nHmm.\n</think>\n\nTwo.<|im_end|>" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, _, err := e.Answer(conversation(user("One?")), twoAnswers.Messages); err == nil {
		t.Error("four messages are an answer")
	}
}

// withBOS is the small tokenizer with a token before and one after every text.
func withBOS(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	var file map[string]json.RawMessage
	readJSON(t, "testdata/qwen2/tokenizer.json", &file)
	tok, _ := openBase(t, "testdata/qwen2")
	ids := idsOf(t, tok, "<|im_start|>", "<|im_end|>")
	post, err := json.Marshal(map[string]any{
		"type":   "TemplateProcessing",
		"single": []any{special("<|im_start|>"), map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}, special("<|im_end|>")},
		"pair":   []any{},
		"special_tokens": map[string]any{
			"<|im_start|>": map[string]any{"id": "<|im_start|>", "ids": ids[:1], "tokens": []string{"<|im_start|>"}},
			"<|im_end|>":   map[string]any{"id": "<|im_end|>", "ids": ids[1:], "tokens": []string{"<|im_end|>"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	file["post_processor"] = post
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = tokenizer.Parse(data, nil); err != nil {
		t.Fatal(err)
	}
	return tok
}

func special(token string) any {
	return map[string]any{"SpecialToken": map[string]any{"id": token, "type_id": 0}}
}

func TestTexts(t *testing.T) {
	plain, _ := openBase(t, "testdata/qwen2")
	bos := withBOS(t)
	end := idsOf(t, plain, "<|im_end|>")[0]
	for _, c := range []struct {
		tok      *tokenizer.Tokenizer
		eos      *int32
		in, want string
	}{
		{plain, nil, "a", "a"},
		{plain, &end, "a", "a<|im_end|>"},
		{plain, &end, "a<|im_end|>", "a<|im_end|>"},
		{plain, &end, "a<|im_end|>\n", "a<|im_end|>\n"},
		{plain, &end, "a<|im_end|>b", "a<|im_end|>b<|im_end|>"},
		{plain, &end, "", "<|im_end|>"},
		{bos, nil, "a", "<|im_start|>a<|im_end|>"},
		{bos, &end, "a", "<|im_start|>a<|im_end|>"},
		{bos, &end, "<|im_start|>a<|im_end|>", "<|im_start|>a<|im_end|>"},
		{bos, nil, "<|im_start|>a", "<|im_start|>a<|im_end|>"},
		{bos, nil, "", "<|im_start|><|im_end|>"},
	} {
		e := &Encoder{Tokenizer: c.tok}
		if got := c.tok.Decode(e.Texts([]string{c.in}, c.eos)[0], false); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestResolve(t *testing.T) {
	mixed := strings.Replace(thinking, "and loop.last", "and loop.last and m.content != 'Four.'", 1)
	short := conversation(user("a"), said("b"))
	other := conversation(user("One?"), said("Two."), user("Three?"), said("Five."))
	for _, c := range []struct {
		source string
		on     TrainOn
		rows   []datasets.Conversation
		want   TrainOn
		why    string
	}{
		{chatML, Auto, []datasets.Conversation{short, twoAnswers}, All, "the same"},
		{chatML, "", []datasets.Conversation{short}, All, "no conversation"},
		{chatML, LastTurn, nil, LastTurn, "as configured"},
		{thinking, Auto, []datasets.Conversation{short, twoAnswers}, EveryTurn, "differently"},
		{mixed, Auto, []datasets.Conversation{twoAnswers, other}, EveryTurn, "differently"},
		{"{{ messages[0].nothing.more }}", Auto, []datasets.Conversation{twoAnswers}, All, "no conversation"},
	} {
		e := encoderFor(t, c.source)
		e.TrainOn = c.on
		if on, why := e.Resolve(slices.Values(c.rows)); on != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%.20s: got %s, %q, want %s", c.source, on, why, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for source, want := range map[string]string{
		calling:                     "",
		calling + "{{ cls_token }}": "the template writes cls_token",
		strings.ReplaceAll(calling, "<|im_end|>", "|end|"): "ends no answer with a token",
		"{{ raise_exception('no thanks') }}":               "conversations cannot be trained on",
		strings.ReplaceAll(calling, "<|im_end|>", ""):      "<|im_end|> is put behind each",
		"{% for": ErrTemplate.Error(),
	} {
		e := encoderFor(t, chatML)
		e.Template = FromSource(source, e.Tokenizer.Names())
		got := e.Warnings()
		if want == "" && len(got) > 0 || want != "" && !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%.30s: got %q, want %q", source, got, want)
		}
	}
	if got := (&Encoder{}).Warnings(); got != nil {
		t.Errorf("no template: got %q", got)
	}
	a := encoderFor(t, calling).Ability()
	if !a.System || !a.Tools || a.Generation || !a.Trains || !a.Ends {
		t.Errorf("got %+v", a)
	}
}

func TestNoTemplate(t *testing.T) {
	tok, _ := openBase(t, "testdata/qwen2")
	for want, tmpl := range map[error]*Template{ErrNoTemplate: nil, ErrTemplate: FromSource("{% for", nil)} {
		e := &Encoder{Tokenizer: tok, Template: tmpl}
		if _, err := e.Conversation(twoAnswers); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if _, _, err := e.Answer(conversation(user("a")), []datasets.Message{said("b")}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestClocked(t *testing.T) {
	for source, want := range map[string]bool{
		"a": false, "{# strftime_now #}a": false, "{{ strftime_now('%Y') }}": true,
		"{% if strftime_now is defined %}a{% endif %}": true,
	} {
		if got := FromSource(source, nil).Clocked(); got != want {
			t.Errorf("%s: got %v", source, got)
		}
	}
}

func TestParseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.jinja")
	if err := os.WriteFile(path, []byte("{{ bos_token }}"), 0o600); err != nil {
		t.Fatal(err)
	}
	tmpl, err := ParseFile(path, map[string]string{"bos_token": "<s>"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tmpl.Render(Input{}); err != nil || got != "<s>" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("{% for"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseFile(path, nil); !errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), "own.jinja") {
		t.Errorf("got %v", err)
	}
	if _, err := ParseFile(path+"x", nil); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestPieces(t *testing.T) {
	tok, _ := openBase(t, "testdata/qwen2")
	e := &Encoder{Tokenizer: tok}
	ids := tok.Encode("ab 🙂 cd", false)
	for cut := range len(ids) {
		marks := make([]bool, len(ids))
		for i := range cut {
			marks[i] = true
		}
		text := ""
		for _, p := range e.Pieces(ids, marks) {
			text += p.Text
		}
		if len(text) < len("ab  cd") {
			t.Errorf("cut at %d: got %q", cut, text)
		}
	}
	if got := e.Pieces(ids, nil); len(got) != 1 || got[0] != (Piece{"ab 🙂 cd", true}) {
		t.Errorf("got %+v", got)
	}
}

// TestEveryTemplate: each turn alone stands behind the very text that asks for it, and what Auto
// makes of a conversation is the same tokens or one sequence a turn.
func TestEveryTemplate(t *testing.T) {
	const (
		refused = "CohereForAI-c4ai-command-r-plus-rag"         // instructions before the prompt, and no such tokens here
		apart   = "indischepartij-MiniCPM-3B-OpenHermes-2.5-v2" // nothing ends a turn; all others nest
	)
	files, err := filepath.Glob(filepath.Join(testkit.Shared(t, "real", "chat_templates", "templates"), "*.jinja"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".jinja")
		e := encoderFor(t, string(testkit.Read(t, f)))
		e.Template.special["bos_token"] = "<s>"
		auto, err := e.Conversation(twoAnswers)
		if (err != nil) != (name == refused) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if on, _ := e.Resolve(slices.Values([]datasets.Conversation{twoAnswers})); (on == EveryTurn) != (name == apart) || (len(auto) == 2) != (name == apart) {
			t.Errorf("%s: auto is %s, in %d sequences", name, on, len(auto))
		}
		e.TrainOn = EveryTurn
		each, err := e.Conversation(twoAnswers)
		if err != nil || len(each) != 2 {
			t.Errorf("%s: %d sequences, %v", name, len(each), err)
			continue
		}
		for i, s := range each {
			checkTurn(t, name, e, s, 2*i+1)
		}
	}
}

// checkTurn: what is not trained is the prompt, and what is are the words and what ends them.
func checkTurn(t *testing.T, name string, e *Encoder, s Sequence, message int) {
	t.Helper()
	prompt, err := e.Template.Render(Input{Messages: twoAnswers.Messages[:message], AddGenerationPrompt: true})
	if err != nil {
		t.Fatal(err)
	}
	pieces := e.Pieces(s.IDs, s.Trained)
	if len(pieces) != 2 || pieces[0] != (Piece{prompt, false}) {
		t.Errorf("%s, message %d: got %+v, want the prompt %q", name, message, pieces, prompt)
		return
	}
	if words := twoAnswers.Messages[message].Content; !strings.Contains(pieces[1].Text, words) || strings.HasSuffix(pieces[1].Text, "\n") {
		t.Errorf("%s, message %d: trained is %q", name, message, pieces[1].Text)
	}
}
