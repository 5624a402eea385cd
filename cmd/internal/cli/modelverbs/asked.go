package modelverbs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/workflows/generation"
)

// maxAsked bounds what is read of prompts, in bytes: far more than any model's context.
const maxAsked = 64 << 20

// asked is where generate has its prompts from.
type asked struct {
	ids, file, lines, system string
	chat                     bool
}

// resolve reads the prompts.
func (in asked) resolve(a *door.App, c *cobra.Command, o *generation.Options) (err error) {
	if n := given(c, "prompt", "messages", "prompt-ids", "prompt-file", "prompts", "chat"); n != 1 {
		return door.Hint(door.Usagef("give one of --prompt, --prompt-file, --prompts, --messages, --prompt-ids and --chat"), "--chat holds a conversation")
	}
	if err := o.Validate(); err != nil {
		return door.UsageError(err)
	}
	switch {
	case in.chat && a.JSON:
		return door.Usagef("--json does not go with --chat; --messages FILE answers one conversation as JSON")
	case !in.chat && in.system != "":
		return door.Usagef("--system is for --chat")
	case o.ChatTemplate != "" && !in.chat && o.MessagesFile == "":
		return door.Usagef("--chat-template is for --messages and --chat: a text to continue is not rendered")
	case in.ids != "":
		o.PromptIDs, err = parseIDs(in.ids)
	case in.file != "":
		var text string
		text, err = read(a, in.file)
		o.Prompts = []string{strings.TrimRight(text, "\r\n")}
	case in.lines != "":
		o.Prompts, err = readLines(a, in.lines)
	}
	return err
}

func given(c *cobra.Command, names ...string) int {
	n := 0
	for _, name := range names {
		if c.Flags().Changed(name) {
			n++
		}
	}
	return n
}

func parseIDs(list string) ([]int32, error) {
	var ids []int32
	for _, s := range strings.Split(list, ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil {
			return nil, door.Usagef("--prompt-ids: %q is no token", s)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// read reads a file, or standard input for "-".
func read(a *door.App, name string) (string, error) {
	from := a.In
	if name != "-" {
		f, err := bounded.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxAsked+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxAsked {
		return "", fmt.Errorf("%s: larger than %d MB, which no prompts are", name, maxAsked>>20)
	}
	return string(data), nil
}

// readLines reads prompts, one a line, of which empty ones are none.
func readLines(a *door.App, name string) ([]string, error) {
	text, err := read(a, name)
	if err != nil {
		return nil, err
	}
	var list []string
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if filepath.Ext(name) == ".jsonl" {
			if line, err = promptOf(line); err != nil {
				return nil, fmt.Errorf("%s line %d: %w", name, n, err)
			}
		}
		list = append(list, line)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no prompts", name)
	}
	return list, nil
}

// promptOf reads a line of JSON: a text, or an object that has it under "prompt".
func promptOf(line string) (string, error) {
	var text string
	if json.Unmarshal([]byte(line), &text) == nil {
		return text, nil
	}
	var row struct {
		Prompt *string `json:"prompt"`
	}
	if json.Unmarshal([]byte(line), &row) != nil || row.Prompt == nil {
		return "", errors.New(`want a JSON string, or an object with a text "prompt"`)
	}
	return *row.Prompt, nil
}

// templateHint says how to give a template where one is missing.
func templateHint(err error) error {
	if errors.Is(err, chat.ErrNoTemplate) || errors.Is(err, chat.ErrTemplate) {
		return door.Hint(err, "--chat-template FILE gives one")
	}
	return err
}

// converse holds a conversation, a message a line.
func converse(a *door.App, ctx context.Context, o generation.Options, system string) error {
	c, err := generation.OpenChat(ctx, o, system)
	if err != nil {
		return templateHint(err)
	}
	defer func() { _ = c.Close() }()
	live := door.IsTerminal(a.In)
	if live {
		a.Note("/forget begins anew, /bye ends")
	}
	lines := bufio.NewScanner(a.In)
	lines.Buffer(nil, maxAsked)
	for {
		if live {
			_, _ = io.WriteString(a.Err, "> ")
		}
		if !lines.Scan() {
			break
		}
		switch text := strings.TrimSpace(lines.Text()); text {
		case "":
		case "/bye", "/exit", "/quit":
			return nil
		case "/forget", "/clear":
			c.Forget()
		default:
			if _, err := c.Say(ctx, text); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.Exact()); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}
