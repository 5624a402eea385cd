package generation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/machine"
)

// TokenizeOptions say which way to go and what is on a line.
type TokenizeOptions struct {
	Base      string
	JSON      bool // lines are JSON strings
	NoSpecial bool
	Decode    bool // from arrays of tokens to text
}

// Tokenize turns text into tokens, or tokens into text. It needs no weights.
func Tokenize(o TokenizeOptions, in io.Reader, out io.Writer) error {
	tok, err := open.Tokenizer(o.Base)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	if !o.JSON && !o.Decode {
		text, err := readText(in)
		if err != nil {
			return err
		}
		ids, err := encode(tok, text, !o.NoSpecial)
		if err != nil {
			return err
		}
		return errors.Join(writeLine(w, ids), w.Flush())
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, textLimit())
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) > 0 {
			if err := tokenizeLine(tok, o, lines.Bytes(), w); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: longer than %s, which is what there is memory for", n+1, humanize.Bytes(int64(textLimit())))
	}
	return errors.Join(lines.Err(), w.Flush())
}

// maxText bounds a text that is read whole, in bytes; it is less where there is less memory.
const maxText = 256 << 20

// textLimit is how long a text may be: what it is read into grows by doubling, and its tokens take more than itself.
func textLimit() int { return int(max(1<<20, min(maxText, machine.Room()/16))) }

// readText reads a text to its end.
func readText(in io.Reader) (string, error) {
	limit := textLimit()
	text, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err == nil && len(text) > limit {
		err = fmt.Errorf("standard input: longer than %s, which is what there is memory for", humanize.Bytes(int64(limit)))
	}
	return string(text), err
}

// encode is [tokenizer.Tokenizer.Encode] of what there is memory for.
func encode(tok *tokenizer.Tokenizer, text string, addSpecial bool) ([]int32, error) {
	if need, room := tok.Memory(text), machine.Room(); need > room {
		return nil, fmt.Errorf("a text of %s takes about %s of memory to turn into tokens, %s are free", humanize.Bytes(int64(len(text))), humanize.Bytes(need), humanize.Bytes(room))
	}
	return tok.Encode(text, addSpecial), nil
}

func tokenizeLine(tok *tokenizer.Tokenizer, o TokenizeOptions, line []byte, w io.Writer) error {
	if !o.Decode {
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			return errors.New("want a JSON string")
		}
		ids, err := encode(tok, text, !o.NoSpecial)
		if err != nil {
			return err
		}
		return writeLine(w, ids)
	}
	var ids []int32
	if err := json.Unmarshal(line, &ids); err != nil {
		return errors.New("want a JSON array of tokens")
	}
	text := tok.Decode(ids, o.NoSpecial)
	if o.JSON {
		return writeLine(w, text)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

func writeLine(w io.Writer, v any) error {
	if ids, ok := v.([]int32); ok && ids == nil {
		v = []int32{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
