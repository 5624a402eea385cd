package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

func byteLevelDecoderJSON(data json.RawMessage) ([]decoder, error) {
	_, err := parseByteLevel(data)
	return []decoder{byteLevelDecoder{}}, err
}

func replaceDecoderJSON(data json.RawMessage) ([]decoder, error) {
	v, p, err := parseReplace(data)
	return []decoder{replaceDecoder{p, v.Content}}, err
}

func stripDecoderJSON(data json.RawMessage) ([]decoder, error) {
	var v struct {
		typed
		Content string `json:"content"`
		Start   int    `json:"start"`
		Stop    int    `json:"stop"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(v.Content) != 1 || v.Start < 0 || v.Stop < 0 {
		return nil, errors.New("content is not one character, or a count is negative")
	}
	return []decoder{stripDecoder{v.Content, v.Start, v.Stop}}, nil
}

func metaspaceDecoderJSON(data json.RawMessage) ([]decoder, error) {
	v, scheme, err := parseMetaspace(data)
	return []decoder{metaspaceDecoder{v.Replacement, scheme}}, err
}

func wordPieceDecoderJSON(data json.RawMessage) ([]decoder, error) {
	var v struct {
		typed
		Prefix  string `json:"prefix"`
		Cleanup bool   `json:"cleanup"`
	}
	err := strict(data, &v)
	return []decoder{wordPieceDecoder{v.Prefix, v.Cleanup}}, err
}

func bpeDecoderJSON(data json.RawMessage) ([]decoder, error) {
	var v struct {
		typed
		Suffix string `json:"suffix"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	if v.Suffix == "" {
		return nil, errors.New("suffix is empty")
	}
	return []decoder{bpeDecoder{v.Suffix}}, nil
}

func sequenceDecoder(data json.RawMessage) ([]decoder, error) {
	var v struct {
		typed
		Parts []json.RawMessage `json:"decoders"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	list := []decoder{}
	for _, d := range v.Parts {
		s, err := parseDecoder(d)
		if err != nil {
			return nil, err
		}
		list = append(list, s...)
	}
	return list, nil
}

func byteLevelPost(data json.RawMessage) (post, error) {
	_, err := parseByteLevel(data)
	return post{}, err
}

// templateJSON is TemplateProcessing. Pairs of texts are not a thing of language models: the
// template for them is read and not used.
type templateJSON struct {
	typed
	Single        []templatePiece `json:"single"`
	Pair          json.RawMessage `json:"pair"`
	SpecialTokens map[string]struct {
		ID     string   `json:"id"`
		IDs    []int32  `json:"ids"`
		Tokens []string `json:"tokens"`
	} `json:"special_tokens"`
}

type templatePiece struct {
	SpecialToken *templateRef `json:"SpecialToken"`
	Sequence     *templateRef `json:"Sequence"`
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

func templatePost(data json.RawMessage) (post, error) {
	var v templateJSON
	if err := strict(data, &v); err != nil {
		return post{}, err
	}
	var p post
	texts := 0
	for _, s := range v.Single {
		switch {
		case s.Sequence != nil && s.Sequence.ID == "A":
			texts++
		case s.SpecialToken != nil:
			t, ok := v.SpecialTokens[s.SpecialToken.ID]
			if !ok {
				return post{}, fmt.Errorf("token %q of the template is not in special_tokens", s.SpecialToken.ID)
			}
			if texts == 0 {
				p.prefix = append(p.prefix, t.IDs...)
			} else {
				p.suffix = append(p.suffix, t.IDs...)
			}
			if max(len(p.prefix), len(p.suffix)) > maxAround {
				return post{}, errAround
			}
		default:
			return post{}, errors.New("template for one text holds something else than a token or A")
		}
	}
	if texts != 1 {
		return post{}, fmt.Errorf("template for one text has it %d times", texts)
	}
	return p, nil
}

var errAround = fmt.Errorf("more than %d tokens go around a text", maxAround)

// tokenRef is a token with its id, written as an array of two.
type tokenRef struct {
	token string
	id    int32
}

func (r *tokenRef) UnmarshalJSON(data []byte) error {
	pair := [2]any{&r.token, &r.id}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	if len(raw) != 2 {
		return errors.New("token with its id has not two parts")
	}
	return errors.Join(json.Unmarshal(raw[0], pair[0]), json.Unmarshal(raw[1], pair[1]))
}

func robertaPost(data json.RawMessage) (post, error) {
	var v struct {
		typed
		Sep            tokenRef `json:"sep"`
		CLS            tokenRef `json:"cls"`
		TrimOffsets    bool     `json:"trim_offsets"`
		AddPrefixSpace bool     `json:"add_prefix_space"`
	}
	err := strict(data, &v)
	return post{[]int32{v.CLS.id}, []int32{v.Sep.id}}, err
}

func bertPost(data json.RawMessage) (post, error) {
	var v struct {
		typed
		Sep tokenRef `json:"sep"`
		CLS tokenRef `json:"cls"`
	}
	err := strict(data, &v)
	return post{[]int32{v.CLS.id}, []int32{v.Sep.id}}, err
}

// sequencePost wraps the result of each part in the next.
func sequencePost(data json.RawMessage) (post, error) {
	var v struct {
		typed
		Parts []json.RawMessage `json:"processors"`
	}
	if err := strict(data, &v); err != nil {
		return post{}, err
	}
	var all post
	for _, d := range v.Parts {
		p, err := parsePost(d)
		if err != nil {
			return post{}, err
		}
		all.prefix = slices.Concat(p.prefix, all.prefix)
		all.suffix = slices.Concat(all.suffix, p.suffix)
		if max(len(all.prefix), len(all.suffix)) > maxAround {
			return post{}, errAround
		}
	}
	return all, nil
}
