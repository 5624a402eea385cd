package cli

import (
	"reflect"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/pipeline/filter"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/trainer/optim"
)

// descriptions say what each key means, by configuration and dotted path; "" is the whole. The keys
// of a filter's rule are all described alike, by describe. A test holds the tables to the types.
var descriptions = map[string]map[string]string{
	"train": {
		"":                       "How `cultivar train` fits an adapter. Keys are those of transformers, TRL and PEFT.",
		"objective":              "clm trains every token of a text, sft the assistant's turns of a conversation, dpo the preference for one of two answers, kto answers that were judged good or bad.",
		"lora":                   "The adapter that is trained, in PEFT's words.",
		"lora.r":                 "Rank of the updates.",
		"lora.lora_alpha":        "The update is scaled by lora_alpha/r.",
		"lora.target_modules":    "Modules to update: a list of last names, a regular expression over full names, or all-linear.",
		"lora.target_parameters": "Weights to update that are no linear module's, of experts that are stacked or their router: last parts of names, as `cultivar inspect` lists them.",
		"lora.lora_dropout":      "Share of the adapter's inputs that is zeroed in training.",
		"lora.use_rslora":        "Scale by lora_alpha/√r instead, for large ranks.",
		"lora.use_dora":          "Train a magnitude for each row of a weight (DoRA). Serving engines refuse such adapters: export --format merged.",
		"init_adapter":           "PEFT directory of an adapter to go on from, instead of lora.",
		"max_seq_length":         "Tokens in a sequence, at most; longer texts are cut into windows.",
		"packing":                "Put several short rows into one sequence; they do not see each other.",
		"shuffle":                "Draw the rows in random order, anew in each epoch.",
		"seed":                   "Of all random numbers. The same seed gives the same adapter, to the bit.",
		"quantize":               "Quantise the base's linear weights as they are loaded, as bitsandbytes does; empty leaves them as they are stored.",
		"train_on":               "Which of the assistant's turns are learned: every_turn makes a sequence of each, last_turn of the last alone, all one of the conversation; auto is all where the template writes a turn the same whether or not more follow, else every_turn.",
		"chat_template":          "File of a chat template to train with, instead of the base's.",
		"clock":                  "Day, or time, that chat templates are told which write it: the same in every run, whenever it is.",
		"data":                   "How the keys of a file of rows are understood.",
		"data.mapping":           "From what a row may have to the file's key for it, {prompt: question, completion: answer}.",
		"data.keep_unknown":      "Take keys that mean nothing here, instead of refusing them.",
		"dpo_beta":               "How strongly dpo holds the adapter to the base: larger stays closer.",
		"kto_beta":               "The same for kto.",
		"desirable_weight":       "What a good answer counts in kto.",
		"undesirable_weight":     "What a bad answer counts in kto.",
		"append_eos":             "End each text of objective clm with the end-of-sequence token.",
		"batch_size":             "Sequences in an optimizer step.",
		"micro_batch_size":       "Sequences in memory at a time; changes memory and speed, never the result.",
		"max_steps":              "Optimizer steps; 0 leaves it to num_epochs.",
		"num_epochs":             "Times that all rows are seen, when max_steps is 0.",
		"learning_rate":          "Peak of the learning rate.",
		"lr_scheduler_type":      "How the learning rate goes on after the warmup.",
		"warmup_steps":           "Steps over which the learning rate rises from 0; 0 leaves it to warmup_ratio.",
		"warmup_ratio":           "The same as a share of all steps.",
		"weight_decay":           "Decoupled weight decay of AdamW.",
		"adam_beta1":             "Decay of AdamW's mean of gradients.",
		"adam_beta2":             "Decay of AdamW's mean of their squares.",
		"adam_epsilon":           "Added to the denominator of AdamW's step.",
		"max_grad_norm":          "Gradients are scaled down to this norm; 0 leaves them as they are.",
		"eval_fraction":          "Share of the rows of a plain file that is held out; datasets have a validation split.",
		"eval_steps":             "Measure the held-out loss every so many steps; 0 only at the end.",
		"save_steps":             "Write a checkpoint every so many steps; 0 only at the end.",
		"logging_steps":          "Write a line of metrics.jsonl every so many steps.",
		"gradient_checkpointing": "Compute activations again in the backward pass: less memory, slower, the same result.",
	},
	"ingest": {
		"":                                     "How `cultivar ingest` makes a dataset of documents.",
		"source":                               "Which files are taken.",
		"source.max_file_bytes":                "Size over which a file is excluded unread.",
		"source.ignore":                        "Patterns to leave out, in the syntax of .cultivarignore, relative to the source.",
		"source.hidden":                        "Take files and folders whose names start with a dot; those of version control never.",
		"extract":                              "How text is got out of files.",
		"extract.time_budget_seconds":          "Longest time for parsing one file; meant for parsers gone astray.",
		"extract.max_text_bytes":               "Largest text of one document.",
		"extract.fields":                       "Columns of CSV and JSON Lines rows that have a meaning, best first; all others become metadata.",
		"extract.fields.text":                  "Columns that may hold the text.",
		"extract.fields.title":                 "Columns that may hold the title.",
		"extract.fields.id":                    "Columns that may hold the row's identity.",
		"extract.rows":                         "How training rows are understood: conversations, prompts with answers, and the like.",
		"extract.rows.mapping":                 "From the key of a training row to the one that the files have for it, as in {prompt: question}.",
		"extract.rows.unknown_keys":            "What becomes of a key that nobody knows: the row is left out and the key named, or the value is kept beside the row.",
		"extract.html_main_content":            "Leave navigation, sidebars and the like out of web pages.",
		"clean":                                "How text is brought into one form.",
		"clean.max_blank_lines":                "Blank lines in a row that are kept.",
		"filter":                               "What makes a document unfit. A rule called min_x is broken by values below its threshold, max_x by values above.",
		"filter.min_chars":                     "Characters.",
		"filter.max_chars":                     "Characters.",
		"filter.max_replacement_chars":         "Share of characters that could not be decoded.",
		"filter.min_words":                     "Words.",
		"filter.min_mean_word_length":          "Mean length of the words, in characters.",
		"filter.max_mean_word_length":          "Mean length of the words, in characters.",
		"filter.min_alpha_words":               "Share of words that have a letter.",
		"filter.min_stop_words":                "Common English words that occur.",
		"filter.max_hash_ratio":                "Number signs for each word.",
		"filter.max_ellipsis_ratio":            "Ellipses for each word.",
		"filter.max_symbol_chars":              "Share of characters that are symbols.",
		"filter.max_bullet_lines":              "Share of lines that are bullets.",
		"filter.max_ellipsis_lines":            "Share of lines that end in an ellipsis.",
		"filter.max_short_lines":               "Share of lines that are short.",
		"filter.min_terminal_lines":            "Share of lines that end a sentence.",
		"filter.max_lines_per_word":            "Lines for each word.",
		"filter.max_duplicate_lines":           "Share of lines that are repeated.",
		"filter.max_duplicate_line_chars":      "Share of characters in repeated lines.",
		"filter.max_duplicate_paragraphs":      "Share of paragraphs that are repeated.",
		"filter.max_duplicate_paragraph_chars": "Share of characters in repeated paragraphs.",
		"filter.max_top_2gram_chars":           "Share of characters in the commonest pair of words.",
		"filter.max_top_3gram_chars":           "Share of characters in the commonest three words in a row.",
		"filter.max_top_4gram_chars":           "Share of characters in the commonest four words in a row.",
		"filter.max_duplicate_5gram_chars":     "Share of characters in repeated runs of 5 words.",
		"filter.max_duplicate_6gram_chars":     "Share of characters in repeated runs of 6 words.",
		"filter.max_duplicate_7gram_chars":     "Share of characters in repeated runs of 7 words.",
		"filter.max_duplicate_8gram_chars":     "Share of characters in repeated runs of 8 words.",
		"filter.max_duplicate_9gram_chars":     "Share of characters in repeated runs of 9 words.",
		"filter.max_duplicate_10gram_chars":    "Share of characters in repeated runs of 10 words.",
		"filter.boilerplate":                   "Lines that most of the corpus repeats, which are cut out of documents.",
		"filter.boilerplate.enabled":           "Cut such lines out.",
		"filter.boilerplate.min_documents":     "Documents that a line has to be in.",
		"filter.boilerplate.share":             "Share of all documents that a line has to be in.",
		"filter.boilerplate.min_chars":         "Length that a line has to have.",
		"filter.boilerplate.max_removed":       "Share of a document's characters above which nothing is cut out of it.",
		"redact":                               "What is replaced by its name, as [EMAIL].",
		"redact.entities":                      "What is looked for; none turns redaction off.",
		"redact.threshold":                     "Score, from 0 to 1, from which a match counts.",
		"redact.context_words":                 "Distance, in words, within which context adds to a score.",
		"redact.context_boost":                 "What a context word adds.",
		"dedup":                                "Which documents say the same thing; the best of each group is kept.",
		"dedup.exact":                          "Drop documents whose text is the same but for white space.",
		"dedup.near":                           "Drop documents whose words are nearly the same.",
		"dedup.threshold":                      "Similarity (Jaccard, of five-word shingles) from which documents are near-duplicates.",
		"max_unreadable_share":                 "Fail when more than this share of the documents could not be read; 1 never fails.",
		"memory_bytes":                         "What duplicates and boilerplate hold in memory; the rest goes to scratch files. No effect on the rows.",
		"scratch_dir":                          "Folder for scratch files; empty is the system's own (TMPDIR). No effect on the rows.",
		"workers":                              "Documents in work at once; 0 is one for each core. No effect on the rows.",
		"split":                                "What documents are used for; what is left is for training.",
		"split.validation":                     "Share of the documents to measure with during training.",
		"split.test":                           "Share of the documents to measure with afterwards.",
		"split.seed":                           "Of the assignment, which is by a hash of each document's identity.",
		"examples":                             "How documents are cut into training rows.",
		"examples.max_chars":                   "Length of a passage in characters; it ends at a joint of the text.",
	},
}

// describe says what a key means, "" when nobody has said.
func describe(config, path string) string {
	if text, ok := descriptions[config][path]; ok {
		return text
	}
	if rule, ok := strings.CutPrefix(path, "filter."); ok && config == "ingest" {
		switch _, part, _ := strings.Cut(rule, "."); part {
		case "mode":
			return "What breaking the rule does: drop the document, keep and count it, or nothing."
		case "threshold":
			return "The limit."
		}
	}
	return ""
}

// allowedValues lists what a key may be where that is a closed list.
func allowedValues(path string, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[filter.Mode]():
		return []string{string(filter.Drop), string(filter.Signal), string(filter.Off)}
	case path == "quantize":
		return append([]string{""}, bases.QuantiseMethods()...)
	case path == "objective":
		return objective.Names()
	case path == "train_on":
		var names []string
		for _, on := range chat.TrainOns() {
			names = append(names, string(on))
		}
		return names
	case path == "lr_scheduler_type":
		return slices.Clone(optim.ScheduleTypes)
	case path == "redact.entities":
		return []string{redact.Email, redact.Phone, redact.Card, redact.IBAN, redact.Secret, redact.IP, redact.SSN}
	}
	return nil
}
