package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows"
)

const mail, key = "ann@example.org", "AKIAIOSFODNN7EXAMPLA"

func fileOf(lines ...string) memory {
	return memory{name: "m", files: map[string]string{"rows.jsonl": strings.Join(lines, "\n")}}
}

// Personal data is found wherever it stands in a conversation, and the row stays one that is read.
func TestConversationIsRedacted(t *testing.T) {
	row := `{"messages": [{"role": "system", "content": "System of ` + mail + `"},` +
		`{"role": "user", "content": [{"type": "text", "text": "Ask ` + mail + `"}], "name": "` + mail + `"},` +
		`{"role": "assistant", "content": null, "reasoning_content": "It is ` + mail + `", "tool_calls": [{"id": "call_1", "type": "function",` +
		` "function": {"name": "send", "arguments": "{\"to\": \"` + mail + `\", \"password\": \"hunter2hunter3\", \"n\": 1.50}"}}]},` +
		`{"role": "tool", "tool_call_id": "call_1", "content": "sent to ` + mail + `"},` +
		`{"role": "assistant", "content": "Done.\n"}], "tools": [{"type": "function", "function": {"name": "send", "description": "` + mail + `"}}]}`
	answers := `{"prompt": "Who?", "chosen": "Write ` + mail + `", "rejected": "Use ` + key + `"}`
	out, stats := mustRun(t, testConfig(), fileOf(row, answers))
	if stats.Out != 2 {
		t.Fatalf("%+v", out.Exclusions)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{mail, key, "hunter2hunter3"} {
		if strings.Contains(string(text), leak) {
			t.Errorf("%s is still there: %s", leak, text)
		}
	}
	c := out.Documents[0].Conversation
	if got, want := c.Messages[2].ToolCalls[0].Arguments, `"{\"to\": \"[EMAIL]\", \"password\": \"[SECRET]\", \"n\": 1.50}"`; got != want {
		t.Errorf("arguments: %s", got)
	}
	if c.Messages[4].Content != "Done.\n" || c.Messages[3].ToolCallID != "call_1" {
		t.Errorf("got %+v", c.Messages)
	}
	where := map[string]bool{}
	for _, x := range out.Redactions {
		_, at, _ := strings.Cut(x.Detector, " in ")
		where[at] = true
		if x.Start != -1 || x.End != -1 {
			t.Errorf("offsets: %+v", x)
		}
	}
	for _, at := range []string{"messages[0].content", "messages[1].content[0]", "messages[1].name", "messages[2].reasoning_content",
		"messages[2].tool_calls[0].arguments", "messages[3].content", "tools", "chosen[0].content", "rejected[0].content"} {
		if !where[at] {
			t.Errorf("nothing in the ledger of %s: %v", at, where)
		}
	}
	for _, d := range out.Documents {
		if _, err := rows.Marshal(datasets.Example{Conversation: d.Conversation}); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(d.Text, "## ") || d.NChars == 0 || len(d.DocVersion) != 64 {
			t.Errorf("document: %+v", d)
		}
	}
}

// Duplicates are rows that say the same; another answer makes another row. Rules for prose do not
// drop a short answer, and lines that many rows share stay.
func TestConversationDuplicates(t *testing.T) {
	pair := func(chosen, rejected string) string {
		return fmt.Sprintf(`{"prompt": "Which of the two boats is back first?", "chosen": %q, "rejected": %q}`, chosen, rejected)
	}
	lines := []string{pair("One", "Two"), pair("Two", "One"), pair("One", "Two"), pair("One ", "Two")}
	for i := range 20 {
		lines = append(lines, fmt.Sprintf(`{"messages": [{"role": "system", "content": %q}, {"role": "user", "content": "Is it %d times %d?"}, {"role": "assistant", "content": "Yes"}]}`,
			prose(1, 30), i, i*i+7))
	}
	for _, near := range []bool{false, true} {
		cfg := testConfig()
		cfg.Dedup.Near = near
		out, stats := mustRun(t, cfg, fileOf(lines...))
		if stats.Out != 22 || stats.Dropped["dedup/exact"] != 2 || len(stats.Spans) > 0 {
			t.Errorf("near %v: %v %v", near, stats.Dropped, out.Exclusions)
		}
		if stats.Flagged["min_chars"] > 0 || out.Documents[0].Signals["words"] == 0 {
			t.Errorf("rules for prose: %v, %v", stats.Flagged, out.Documents[0].Signals)
		}
	}
}

// What is wrong with a row is a reason that names the key, and costs that row only.
func TestBadTrainingRows(t *testing.T) {
	out, stats := mustRun(t, testConfig(), fileOf(
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "secret"}], "mesages": []}`,
		`{"messages": [{"role": "user"}, {"role": "assistant", "content": "secret"}]}`,
		`{"messages": [{"role": "user", "content": "\u200b"}, {"role": "assistant", "content": "secret"}]}`,
		`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "fine"}]}`,
	))
	if stats.Out != 1 || stats.Dropped["extract/training_row"] != 2 || stats.Dropped["clean/empty"] != 1 {
		t.Fatalf("got %v", stats.Dropped)
	}
	for uri, word := range map[string]string{"m/rows.jsonl#row-1": "mesages", "m/rows.jsonl#row-2": "content"} {
		if e := out.excluded(uri); e == nil || !strings.Contains(e.Reason, word) || strings.Contains(e.Reason, "secret") {
			t.Errorf("%s: %+v", uri, e)
		}
	}
	cfg := testConfig()
	cfg.Extract.Rows.UnknownKeys = "metadata"
	out, _ = mustRun(t, cfg, fileOf(`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "mood": "ask `+mail+`"}`))
	if out.Documents[0].Metadata["mood"] != "ask [EMAIL]" {
		t.Errorf("metadata: %v", out.Documents[0].Metadata)
	}
}

// A file of rows that is read row by row gives what one in memory gives.
func TestLargeFilesOfRows(t *testing.T) {
	var b strings.Builder
	for i := 0; b.Len() < wholeBytes+1000; i++ {
		fmt.Fprintf(&b, "{\"id\": %d, \"text\": %q}\n", i, prose(i, 40))
	}
	b.WriteString("{broken\n")
	cfg := testConfig()
	cfg.Source.MaxFileBytes = 1 << 20
	out, stats := mustRun(t, cfg, memory{name: "m", files: map[string]string{"rows.jsonl": b.String(), "text.txt": b.String()}})
	if out.document("m/rows.jsonl#0") == nil || stats.Dropped["extract/malformed"] != 1 || out.excluded("m/text.txt").Rule != "max_file_bytes" {
		t.Errorf("got %v", stats.Dropped)
	}
	if stats.Bytes != int64(b.Len()) {
		t.Errorf("%d bytes", stats.Bytes)
	}
}
