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
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return errors.Join(writeLine(w, tok.Encode(string(text), !o.NoSpecial)), w.Flush())
	}
	r := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := tokenizeLine(tok, o, line, w); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func tokenizeLine(tok *tokenizer.Tokenizer, o TokenizeOptions, line []byte, w io.Writer) error {
	if !o.Decode {
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			return errors.New("want a JSON string")
		}
		return writeLine(w, tok.Encode(text, !o.NoSpecial))
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
