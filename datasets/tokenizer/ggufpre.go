package tokenizer

import "slices"

// ggufPre is a pre-tokenizer that GGUF files name: patterns, each of which cuts what the one before
// has left.
type ggufPre struct {
	patterns     []string
	ignoreMerges bool
	bos          bool // a text begins with BOS when the file does not say
}

// What several names stand for.
var (
	plainGPT2  = ggufPre{patterns: []string{patternGPT2}}
	digitsGPT2 = ggufPre{patterns: []string{digit, patternGPT2}}
	likeLlama3 = ggufPre{patterns: []string{patternGPT4}}
	likeQwen2  = ggufPre{patterns: []string{patternQwen2}}
	likeGPT4o  = ggufPre{patterns: []string{patternO200K}}
	deepSeekV3 = ggufPre{patterns: []string{threeDigits, patternCJK, patternDeepSeek}}
)

// ggufPres are the values of the key pre, as in llama.cpp's src/llama-vocab.cpp. The patterns are
// those of the models' own tokenizer.json, which llama.cpp rewrites for its engine.
var ggufPres = map[string]ggufPre{
	"":        {patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, patternGPT2, `\p{N}+`, `[0-9][0-9][0-9]`}},
	"default": {patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, patternGPT2, `\p{N}+`, `[0-9][0-9][0-9]`}},
	"falcon":  {patterns: []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", patternGPT2, `[0-9][0-9][0-9]`}},

	"gpt-2": plainGPT2, "phi-2": plainGPT2, "mpt": plainGPT2, "olmo": plainGPT2, "jais": plainGPT2, "trillion": plainGPT2,
	"granite-docling": plainGPT2, "gigachat": plainGPT2, "mellum": plainGPT2, "modern-bert": plainGPT2, "exaone4": plainGPT2,
	"a.x-4.0": plainGPT2, "jina-es": plainGPT2, "jina-de": plainGPT2, "jina-v2-es": plainGPT2, "jina-v2-de": plainGPT2,
	"jina-v1-en": plainGPT2, "jina-v2-code": plainGPT2, "roberta-bpe": plainGPT2,

	"starcoder": digitsGPT2, "refact": digitsGPT2, "command-r": digitsGPT2, "smollm": digitsGPT2, "codeshell": digitsGPT2,
	"exaone": digitsGPT2, "minerva-7b": digitsGPT2, "mellum2": digitsGPT2,

	"llama3": llama3Pre, "llama-v3": llama3Pre, "llama-bpe": llama3Pre, "falcon3": llama3Pre, "falcon-h1": llama3Pre,
	"pixtral": llama3Pre, "midm-2.0": llama3Pre, "lfm2": llama3Pre, "jina-v5-nano": llama3Pre,
	"dbrx": likeLlama3, "smaug-bpe": likeLlama3, "glm4": likeLlama3, "chatglm-bpe": likeLlama3,

	"qwen2": likeQwen2, "stablelm2": likeQwen2, "deepseek-r1-qwen": likeQwen2, "kormo": likeQwen2, "f2llmv2": likeQwen2,
	"megrez": likeQwen2, "hunyuan": likeQwen2, "solar-open": likeQwen2, "grok-2": likeQwen2,
	"qwen35": {patterns: []string{patternQwen35}},

	"tekken": {patterns: []string{patternTekken}, ignoreMerges: true, bos: true},
	"gpt-4o": likeGPT4o, "llama4": likeGPT4o, "kanana2": likeGPT4o, "talkie": likeGPT4o, "minimax-m2": likeGPT4o,

	"deepseek-v3": deepSeekV3, "hunyuan-dense": deepSeekV3, "joyai-llm": deepSeekV3, "hy_v4": deepSeekV3,
	"deepseek-coder": {patterns: []string{"[\r\n]", `\s?\p{L}+`, `\s?\p{P}+`, deepSeekCJK, digit}},
	"deepseek-llm": {patterns: []string{
		"[\r\n]", deepSeekLetters, "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", `\s+$`, deepSeekCJK, `\p{N}+`,
	}},

	"poro-chat": {patterns: []string{bloom}}, "bloom": {patterns: []string{bloom}}, "gpt3-finnish": {patterns: []string{bloom}},
	"viking": {patterns: []string{bloom, digit}},
	"chameleon": {patterns: []string{
		`<sentinel:[0-9]+>`, `(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z`, `([\t\n]|    |  )`, digit, "[\\p{P}!-/:-@\\[-`{-~]", patternGPT2,
	}, bos: true},
	"bailingmoe": {patterns: []string{bailing}}, "bailingmoe2": {patterns: []string{bailing}}, "llada-moe": {patterns: []string{bailing}},
	"seed-coder": {patterns: []string{
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`,
	}},
	"exaone-moe": {patterns: []string{patternExaone}},
}

// written are the names that stand for a way to split in files that are written: of several that mean the
// same, the one that llama.cpp's converter gives most models.
var written = []string{"llama-bpe", "dbrx", "qwen2", "tekken", "gpt-4o", "gpt-2", "smollm"}

// The patterns of components that name none.
const (
	PatternByteLevel = patternGPT2 // of ByteLevel, unless it is told to use none
	PatternDigit     = digit       // of Digits, one by one
)

// GGUFKind is the kind of tokenizer that a file's tokenizer.ggml.model stands for, as tokenizer.json calls
// it, "" for one that is not known.
func GGUFKind(model string) string {
	return map[string]string{"llama": "BPE", "gpt2": "BPE", "t5": "Unigram", "bert": "WordPiece"}[model]
}

// GGUFPre is the name under which files have a pre-tokenizer of these patterns, each of which cuts what
// the one before has left, if there is one.
func GGUFPre(patterns []string, ignoreMerges bool) (string, bool) {
	for _, name := range written {
		if p := ggufPres[name]; slices.Equal(p.patterns, patterns) && p.ignoreMerges == ignoreMerges {
			return name, true
		}
	}
	return "", false
}

var llama3Pre = ggufPre{patterns: []string{patternGPT4}, ignoreMerges: true, bos: true}

const (
	bloom       = ` ?[^(\s|.,!?…。，、।۔،)]+`
	bailing     = `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`
	deepSeekCJK = "[一-龥\u0800-一가-\uD7FF]+"
	// deepSeekLetters are the cased letters that DeepSeek's tokenizer lists. Those that Unicode
	// normalizes are written by number.
	deepSeekLetters = `\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}ⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+`
)
