package rows

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/internal/nearest"
)

// rowKeys are the keys of a row that are understood; a mapping may give them other names.
var rowKeys = []string{
	"text",
	"messages", "conversations", "conversation", "system", "tools", "functions", "history",
	"prompt", "question", "query", "instruction", "input",
	"completion", "response", "answer", "output", "label", "kto_tag", "privileged_context",
	"chosen", "rejected",
}

// decisive are the keys that make a row something else than a text.
var decisive = []string{"messages", "conversations", "conversation", "prompt", "completion", "chosen", "rejected", "tools", "privileged_context"}

// messageKeys are the keys of a message.
var messageKeys = []string{
	"role", "from", "content", "value", "reasoning_content", "reasoning", "thinking", "name",
	"tool_calls", "function_call", "tool_call_id", "weight", "train", "training",
}

// callKeys are the keys of a tool call and of the function in it.
var callKeys = []string{"id", "type", "function", "name", "arguments"}

// origins say where a row is from, or how a service was asked for it. They change nothing that is
// trained and are kept: the first six as ids of ours, the others as metadata. Pandas gives its index the names "__index_level_0__" and "Unnamed: 0".
var origins = []string{
	"example_id", "doc_id", "doc_version", "split", "start", "end",
	"metadata", "id", "_id", "__index_level_0__", "Unnamed: 0", "idx", "index", "row_id", "uuid", "uid", "hash", "prompt_id", "conversation_id", "conversation_hash", "question_id",
	"source", "source_uri", "url", "dataset", "title", "lang", "language", "license", "category",
	"source_etag", "mime", "lang_score", "acl", "retention_class", "modified_at", "ingested_at", "n_chars", "signals", "dup_cluster",
	"created_at", "timestamp", "date", "model", "parallel_tool_calls",
}

// Known tells whether an object with these keys, or a table with these columns, holds training rows
// other than plain texts. A question with an answer is also how documents are written, so that such
// keys count only when the mapping names them.
func Known(keys []string, o Options) bool {
	has := func(name string) bool {
		if key, ok := o.Mapping[name]; ok {
			return slices.Contains(keys, key)
		}
		return slices.Contains(keys, name)
	}
	switch {
	case has("messages"), has("conversations"), has("conversation"), has("chosen") && has("rejected"):
		return true
	case has("prompt"):
		return has("completion") || has("response")
	case has("instruction"):
		return has("output") || has("response")
	}
	return false
}

// suggest names the nearest of the known keys, if one is near.
func suggest(key string, known []string) string {
	if near := nearest.Of(key, known, reach(key)); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// reach is how many letters may be wrong in a key that is taken for another.
func reach(key string) int { return max(1, len(key)/3) }
