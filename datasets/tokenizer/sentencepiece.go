package tokenizer

import (
	"errors"
	"fmt"
)

// spmFile is what a SentencePiece model says (src/sentencepiece_model.proto of SentencePiece).
type spmFile struct {
	pieces
	bpe           bool // else Unigram
	bos, eos, pad int32
	normalizer    spmNormalizer
}

// maxPieces bounds the vocabulary of a file.
const maxPieces = 1 << 22

// parseSPM reads a serialized ModelProto.
func parseSPM(data []byte) (*spmFile, error) {
	f := &spmFile{
		bos: 1, eos: 2, pad: -1,
		normalizer: spmNormalizer{squeeze: true, escape: true},
	}
	modelType := uint64(1)
	err := eachField(data, func(w wire) error {
		switch w.number {
		case 1:
			return f.addPiece(w)
		case 2:
			return f.trainerSpec(w, &modelType)
		case 3:
			return f.normalizerSpec(w)
		}
		return nil // a self-test, a rule for decoding: nothing that ids depend on
	})
	if err != nil {
		return nil, err
	}
	switch modelType {
	case 1, 2:
		f.bpe = modelType == 2
	default:
		return nil, fmt.Errorf("model type %d is not supported", modelType)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, f.settle()
}

// settle holds the ids of the trainer's specification against the pieces.
func (f *spmFile) settle() error {
	for _, id := range []*int32{&f.bos, &f.eos, &f.pad} {
		if *id >= int32(len(f.text)) || *id < 0 {
			*id = -1
		}
	}
	f.unk = -1
	for id, kind := range f.kind {
		if kind != pieceUnknown {
			continue
		}
		if f.unk >= 0 {
			return errors.New("there are two unknown tokens")
		}
		f.unk = int32(id)
	}
	if f.unk < 0 {
		return errors.New("there is no unknown token")
	}
	if f.bpe && f.has(pieceUnused) {
		return errors.New("unused pieces in a BPE model are not supported")
	}
	return nil
}

func (f *spmFile) has(kind int32) bool {
	for _, k := range f.kind {
		if k == kind {
			return true
		}
	}
	return false
}

func (f *spmFile) addPiece(w wire) error {
	if len(f.text) == maxPieces {
		return fmt.Errorf("there are more than %d pieces", maxPieces)
	}
	text, score, kind := "", float32(0), int32(pieceNormal)
	err := w.each(func(w wire) (err error) {
		switch w.number {
		case 1:
			text, err = w.string()
		case 2:
			score, err = w.float()
		case 3:
			kind, err = w.int()
		}
		return err
	})
	if err == nil && (kind < pieceNormal || kind > pieceByte) {
		err = fmt.Errorf("piece %d has the unknown type %d", len(f.text), kind)
	}
	if err == nil && len(text) > maxPiece {
		err = fmt.Errorf("piece %d is longer than %d bytes", len(f.text), maxPiece)
	}
	f.text, f.score, f.kind = append(f.text, text), append(f.score, score), append(f.kind, kind)
	return err
}

func (f *spmFile) trainerSpec(w wire, modelType *uint64) error {
	return w.each(func(w wire) (err error) {
		switch w.number {
		case 3:
			*modelType, err = w.uint()
		case 24:
			f.normalizer.suffix, err = w.bool()
		case 35:
			f.toByte, err = w.bool()
		case 41:
			f.bos, err = w.int()
		case 42:
			f.eos, err = w.int()
		case 43:
			f.pad, err = w.int()
		}
		return err
	})
}

func (f *spmFile) normalizerSpec(w wire) error {
	n := &f.normalizer
	return w.each(func(w wire) (err error) {
		switch w.number {
		case 2:
			var data string
			if data, err = w.string(); err == nil {
				err = n.setCharsmap([]byte(data))
			}
		case 3:
			var dummy bool
			if dummy, err = w.bool(); !dummy {
				n.scheme = prependNever
			}
		case 4:
			n.squeeze, err = w.bool()
		case 5:
			n.escape, err = w.bool()
		}
		return err
	})
}

// fromSPM makes a tokenizer of a SentencePiece model in a model directory, as transformers'
// conversion does for Llama, Mistral, Gemma and T5 (convert_slow_tokenizer.py): control and
// user-defined pieces are cut out of the text before anything else.
func fromSPM(data []byte, n names) (*Tokenizer, error) {
	f, err := parseSPM(data)
	if err != nil {
		return nil, err
	}
	f.rename(n.added)
	if c := n.config.AddPrefixSpace; c != nil {
		f.normalizer.scheme = prependNever
		if *c {
			f.normalizer.scheme = prependAlways
		}
	}
	// "legacy" is transformers' name for a space after every special token, not only before the text.
	if l := n.config.Legacy; l != nil && !*l && f.normalizer.scheme == prependAlways {
		f.normalizer.scheme = prependFirst
	}
	n.fallback("bos_token", f.name(f.bos))
	n.fallback("eos_token", f.name(f.eos))
	n.fallback("unk_token", f.name(f.unk))
	n.fallback("pad_token", f.name(f.pad))
	b := blueprint{norm: &f.normalizer, added: f.addedTokens(), names: n, model: f.setUnigram}
	if f.bpe {
		b.model = f.setBPE
	}
	b.decoder = spmDecoder(f.normalizer.scheme != prependNever && !f.normalizer.suffix)
	b.wrap = &wrap{bos: f.bpe && f.bos >= 0, eos: !f.bpe && f.eos >= 0}
	b.wrap.configure(n.config)
	return b.build()
}

func (f *spmFile) name(id int32) string {
	if id < 0 {
		return ""
	}
	return f.text[id]
}

// rename gives pieces the names that tokenizer_config.json has for their ids: fine-tuned models
// reuse placeholders so.
func (f *spmFile) rename(added []addedToken) {
	for _, a := range added {
		if a.ID < 0 || int(a.ID) >= len(f.text) || a.Content == "" {
			continue
		}
		old := f.text[a.ID]
		if _, taken := f.vocab[a.Content]; taken || old == a.Content {
			continue
		}
		delete(f.vocab, old)
		f.text[a.ID], f.vocab[a.Content] = a.Content, a.ID
	}
}

// addedTokens lists the pieces that are looked for in the text as it is.
func (p *pieces) addedTokens() []addedToken {
	var list []addedToken
	for id, kind := range p.kind {
		switch {
		case kind == pieceControl, kind == pieceUnknown && int32(id) == p.unk:
			list = append(list, addedToken{ID: int32(id), Content: p.text[id], Special: true})
		case kind == pieceUser:
			list = append(list, addedToken{ID: int32(id), Content: p.text[id]})
		}
	}
	return list
}

// spmDecoder is the way back from pieces. strip: the space before a text is not its own.
func spmDecoder(strip bool) []byte {
	list := []any{
		object{"type": "Replace", "pattern": object{"String": metaspaceChar}, "content": " "},
		object{"type": "ByteFallback"}, object{"type": "Fuse"},
	}
	if strip {
		list = append(list, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return component(object{"type": "Sequence", "decoders": list})
}
