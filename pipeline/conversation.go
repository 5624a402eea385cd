package pipeline

import (
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/turns"
)

func (d *draft) isConversation() bool { return d.Kind() != datasets.KindText }

// cleanConversation cleans every text of a conversation and fixes the version. Layout stays as it is:
// how an answer ends and breaks its lines is what a model learns from it.
func (r *run) cleanConversation(d *draft) {
	kind := d.Kind()
	turns.Walk(&d.Conversation, func(_, _, text string) string { return r.cfg.Clean.Characters(text) })
	if slices.ContainsFunc(slices.Concat(d.Messages, d.Completion, d.Chosen, d.Rejected), saysNothing) {
		d.reject(stageClean, "empty", "a message holds no text", 0, 0)
		return
	}
	if d.Kind() != kind || strings.TrimSpace(d.PrivilegedContext) == "" && kind == datasets.KindGrounded {
		d.reject(stageClean, "empty", "the privileged context holds no text", 0, 0)
		return
	}
	content, err := rows.Marshal(datasets.Example{Conversation: d.Conversation})
	if err != nil {
		d.reject(stageClean, "malformed", "tools or arguments are not JSON", 0, 0)
		return
	}
	d.Text = turns.Transcript(d.Conversation)
	d.DocVersion = DocVersion(string(content))
	if r.cfg.Dedup.Exact || r.cfg.Filter.Boilerplate.Enabled {
		d.digest = digestOfConversation(d.Conversation, content)
	}
}

// saysNothing reports a turn of the user or the assistant that became empty: characters that nobody
// sees were all that it had.
func saysNothing(m datasets.Message) bool {
	return (m.Role == "user" || m.Role == "assistant") && len(m.ToolCalls) == 0 &&
		strings.TrimSpace(m.Content+strings.Join(m.Parts, "")) == ""
}

// digestOfConversation is that of its row but for white space in its texts.
func digestOfConversation(c datasets.Conversation, content []byte) dedup.Digest {
	folded := turns.Clone(c)
	turns.Walk(&folded, func(_, _, text string) string { return strings.Join(strings.Fields(text), " ") })
	if short, err := rows.Marshal(datasets.Example{Conversation: folded}); err == nil {
		content = short
	}
	return dedup.DigestOf(string(content))
}

// redactConversation redacts every text of a conversation, and writes its transcript anew. What is
// found has no offsets, since the ledger's are of the transcript; the detector says where it stood.
func (r *run) redactConversation(d *draft) {
	turns.Walk(&d.Conversation, func(where, key, text string) string {
		if key == "" {
			redacted, found := r.redactor.Redact(text)
			d.note(found, " in "+where, true)
			return redacted
		}
		redacted, found := r.redactNamed(key, text)
		d.note(found, " in "+where, true)
		return redacted
	})
	d.Text = turns.Transcript(d.Conversation)
}
