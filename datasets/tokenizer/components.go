package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The components by their "type", with their parameters as tokenizers writes them. The maps are
// filled in init because a Sequence parses its parts with the map it is in.
var (
	normalizerTypes   map[string]func(json.RawMessage) (normalizer, error)
	preTokenizerTypes map[string]func(json.RawMessage) ([]splitter, error)
	decoderTypes      map[string]func(json.RawMessage) ([]decoder, error)
	postTypes         map[string]func(json.RawMessage) (post, error)
)

func init() {
	normalizerTypes = map[string]func(json.RawMessage) (normalizer, error){
		"NFC":            plainNormalizer(unicodeForm(norm.NFC)),
		"NFD":            plainNormalizer(unicodeForm(norm.NFD)),
		"NFKC":           plainNormalizer(unicodeForm(norm.NFKC)),
		"NFKD":           plainNormalizer(unicodeForm(norm.NFKD)),
		"Lowercase":      plainNormalizer(mapRunes(lowercase)),
		"StripAccents":   plainNormalizer(without(oldMarks)),
		"ByteLevel":      plainNormalizer(alphabetNormalizer{}),
		"Nmt":            plainNormalizer(mapRunes(cleanNmt)),
		"Precompiled":    precompiledNormalizer,
		"Prepend":        prependNormalizer,
		"Replace":        replaceNormalizer,
		"Strip":          stripNormalizer,
		"BertNormalizer": bertNormalizer,
		"Sequence":       sequenceNormalizer,
	}
	preTokenizerTypes = map[string]func(json.RawMessage) ([]splitter, error){
		"ByteLevel":          byteLevelPreTokenizer,
		"Split":              splitPreTokenizer,
		"Metaspace":          metaspacePreTokenizer,
		"Whitespace":         plainSplitter(splitWords{}),
		"WhitespaceSplit":    plainSplitter(splitRunes{is: unicode.IsSpace, behavior: removed}),
		"BertPreTokenizer":   plainSplitter(splitRunes{is: unicode.IsSpace, behavior: removed}, splitRunes{is: isPunctuation, behavior: isolated}),
		"Punctuation":        punctuationPreTokenizer,
		"Digits":             digitsPreTokenizer,
		"CharDelimiterSplit": delimiterPreTokenizer,
		"Sequence":           sequencePreTokenizer,
	}
	decoderTypes = map[string]func(json.RawMessage) ([]decoder, error){
		"ByteLevel":    byteLevelDecoderJSON,
		"ByteFallback": plainDecoder(byteFallbackDecoder{}),
		"Fuse":         plainDecoder(fuseDecoder{}),
		"Replace":      replaceDecoderJSON,
		"Strip":        stripDecoderJSON,
		"Metaspace":    metaspaceDecoderJSON,
		"WordPiece":    wordPieceDecoderJSON,
		"BPEDecoder":   bpeDecoderJSON,
		"Sequence":     sequenceDecoder,
	}
	postTypes = map[string]func(json.RawMessage) (post, error){
		"ByteLevel":          byteLevelPost,
		"TemplateProcessing": templatePost,
		"RobertaProcessing":  robertaPost,
		"BertProcessing":     bertPost,
		"Sequence":           sequencePost,
	}
}

func plainNormalizer(n normalizer) func(json.RawMessage) (normalizer, error) {
	return func(data json.RawMessage) (normalizer, error) { return n, strict(data, &typed{}) }
}

func plainSplitter(s ...splitter) func(json.RawMessage) ([]splitter, error) {
	return func(data json.RawMessage) ([]splitter, error) { return s, strict(data, &typed{}) }
}

func plainDecoder(d decoder) func(json.RawMessage) ([]decoder, error) {
	return func(data json.RawMessage) ([]decoder, error) { return []decoder{d}, strict(data, &typed{}) }
}

func prependNormalizer(data json.RawMessage) (normalizer, error) {
	var v struct {
		typed
		Prepend string `json:"prepend"`
	}
	err := strict(data, &v)
	return prependText(v.Prepend), err
}

// replaceJSON is a normalizer or a decoder of type Replace.
type replaceJSON struct {
	typed
	Pattern patternJSON `json:"pattern"`
	Content string      `json:"content"`
}

func parseReplace(data json.RawMessage) (v replaceJSON, p pattern, err error) {
	if err = strict(data, &v); err == nil {
		p, err = v.Pattern.compile()
	}
	return v, p, err
}

func replaceNormalizer(data json.RawMessage) (normalizer, error) {
	v, p, err := parseReplace(data)
	if err != nil {
		return nil, err
	}
	if l, ok := p.(literal); ok {
		return replaceText{string(l), v.Content}, nil
	}
	return replacePattern{p, v.Content, *v.Pattern.Regex}, nil
}

func stripNormalizer(data json.RawMessage) (normalizer, error) {
	var v struct {
		typed
		Left  bool `json:"strip_left"`
		Right bool `json:"strip_right"`
	}
	err := strict(data, &v)
	return stripSpace{v.Left, v.Right}, err
}

func bertNormalizer(data json.RawMessage) (normalizer, error) {
	var v struct {
		typed
		CleanText    bool  `json:"clean_text"`
		ChineseChars bool  `json:"handle_chinese_chars"`
		StripAccents *bool `json:"strip_accents"` // null: as lowercase
		Lowercase    bool  `json:"lowercase"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	var n normalizers
	if v.CleanText {
		n = append(n, mapRunes(cleanBERT))
	}
	if v.ChineseChars {
		n = append(n, mapRunes(spaceCJK))
	}
	if v.StripAccents == nil && v.Lowercase || v.StripAccents != nil && *v.StripAccents {
		n = append(n, unicodeForm(norm.NFD), without(oldNonspacing))
	}
	if v.Lowercase {
		n = append(n, mapRunes(lowercase))
	}
	return n, nil
}

func sequenceNormalizer(data json.RawMessage) (normalizer, error) {
	var v struct {
		typed
		Parts []json.RawMessage `json:"normalizers"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	var list normalizers
	for _, d := range v.Parts {
		n, err := parseNormalizer(d)
		if err != nil {
			return nil, err
		}
		if n != nil {
			list = append(list, n)
		}
	}
	return list, nil
}

func byteLevelPreTokenizer(data json.RawMessage) ([]splitter, error) {
	v, err := parseByteLevel(data)
	if err != nil {
		return nil, err
	}
	b := byteLevel{prefixSpace: v.AddPrefixSpace, alphabet: true}
	if v.UseRegex {
		b.words = scanGPT2
	}
	return []splitter{b}, nil
}

// byteLevelJSON are ByteLevel's parameters, in all the places where it may stand. trim_offsets
// concerns only offsets of white space, which this package always counts.
type byteLevelJSON struct {
	typed
	AddPrefixSpace bool `json:"add_prefix_space"`
	TrimOffsets    bool `json:"trim_offsets"`
	UseRegex       bool `json:"use_regex"`
}

func parseByteLevel(data json.RawMessage) (byteLevelJSON, error) {
	v := byteLevelJSON{UseRegex: true}
	err := strict(data, &v)
	return v, err
}

func splitPreTokenizer(data json.RawMessage) ([]splitter, error) {
	var v struct {
		typed
		Pattern  patternJSON `json:"pattern"`
		Behavior string      `json:"behavior"`
		Invert   bool        `json:"invert"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	p, err := v.Pattern.compile()
	if err != nil {
		return nil, err
	}
	b, ok := behaviors[v.Behavior]
	if !ok {
		return nil, fmt.Errorf("behavior %q is not supported", v.Behavior)
	}
	split := splitPattern{pattern: p, behavior: b, invert: v.Invert}
	if v.Pattern.Regex != nil {
		split.source = *v.Pattern.Regex
	}
	return []splitter{split}, nil
}

// metaspaceJSON are Metaspace's parameters; add_prefix_space and str_rep are from old files.
type metaspaceJSON struct {
	typed
	Replacement    string  `json:"replacement"`
	PrependScheme  *string `json:"prepend_scheme"`
	AddPrefixSpace *bool   `json:"add_prefix_space"`
	StrRep         string  `json:"str_rep"`
	Split          *bool   `json:"split"`
}

func parseMetaspace(data json.RawMessage) (v metaspaceJSON, scheme prependScheme, err error) {
	if err := strict(data, &v); err != nil {
		return v, 0, err
	}
	if utf8.RuneCountInString(v.Replacement) != 1 {
		return v, 0, errors.New("replacement is not one character")
	}
	if v.PrependScheme != nil {
		s, ok := prependSchemes[*v.PrependScheme]
		if !ok {
			return v, 0, fmt.Errorf("prepend scheme %q is not supported", *v.PrependScheme)
		}
		scheme = s
	}
	if v.AddPrefixSpace != nil && !*v.AddPrefixSpace {
		if v.PrependScheme != nil && scheme != prependNever {
			return v, 0, errors.New("add_prefix_space does not match prepend_scheme")
		}
		scheme = prependNever
	}
	return v, scheme, nil
}

func metaspacePreTokenizer(data json.RawMessage) ([]splitter, error) {
	v, scheme, err := parseMetaspace(data)
	if err != nil {
		return nil, err
	}
	return []splitter{metaspace{v.Replacement, scheme, v.Split == nil || *v.Split}}, nil
}

func punctuationPreTokenizer(data json.RawMessage) ([]splitter, error) {
	v := struct {
		typed
		Behavior string `json:"behavior"`
	}{Behavior: "Isolated"}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	b, ok := behaviors[v.Behavior]
	if !ok {
		return nil, fmt.Errorf("behavior %q is not supported", v.Behavior)
	}
	return []splitter{splitRunes{is: isPunctuation, behavior: b}}, nil
}

func digitsPreTokenizer(data json.RawMessage) ([]splitter, error) {
	var v struct {
		typed
		Individual bool `json:"individual_digits"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	if v.Individual {
		return []splitter{splitRunes{is: isNumeric, behavior: isolated, source: digit}}, nil
	}
	return []splitter{splitRunes{is: isNumeric, behavior: contiguous}}, nil
}

func delimiterPreTokenizer(data json.RawMessage) ([]splitter, error) {
	var v struct {
		typed
		Delimiter string `json:"delimiter"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(v.Delimiter) != 1 {
		return nil, errors.New("delimiter is not one character")
	}
	return []splitter{splitPattern{pattern: literal(v.Delimiter), behavior: removed}}, nil
}

func sequencePreTokenizer(data json.RawMessage) ([]splitter, error) {
	var v struct {
		typed
		Parts []json.RawMessage `json:"pretokenizers"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	var list []splitter
	for _, d := range v.Parts {
		s, err := parsePreTokenizer(d)
		if err != nil {
			return nil, err
		}
		list = append(list, s...)
	}
	return slices.Clip(list), nil
}
