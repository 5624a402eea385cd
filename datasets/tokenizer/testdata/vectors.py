# random tokenizers through HF tokenizers -> vectors
import json, sys, random
from tokenizers import Tokenizer, models, trainers, normalizers as N, pre_tokenizers as P, decoders as D, processors as R, AddedToken, Regex
TEXTS = ["The quick brown fox, it's jumping over 12 lazy dogs' backs!", "  leading and  double   spaces \n\n\t newlines\r\n ", "", " ", "a", "naïve café ﬁancé e\u0301\u0323 ½ ℃ Ω 東京都 한국어 العربية हिन्दी 🙂👩‍👩‍👧‍👦", "<s>[MASK] x<mask> y [SEP]</s> <mask>z", "DON'T we'LL I'VE 's 'S 'ſ ''s", "x\u00a0y\u3000z\u200bw\u0085v\x00\x07\x1c", "foo_bar-baz.qux@x.y+1 (a) [b] {c} «d» “e” — … ¿f? ٣٤٥ ⅷ ²", "İSTANBUL ΑΣΑΣ Straße ǅ ÀÉÎ Ạ̈", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1234567 12 1", "\u0301abc \u200d", "▁a ▁▁b", "tok1 tok1x xtok1 tok1, TOK1 Tok2 tok2", "the the the\nthe\tthe", "中文字符測試 abc中", "e\u0323\u0301 q\u0323\u0307 \u1e9b\u0323 각 \uac00\u11a8"]
CORPUS = TEXTS * 20 + ["the quick brown fox jumps over the lazy dog and again the other one tok1 tok2"] * 30
def bpe(**k): return models.BPE(**k)
def train(t, size=400, special=["<unk>", "<s>", "</s>", "<mask>"], alphabet=None, **k):
    tr = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, initial_alphabet=alphabet or [], **k)
    t.train_from_iterator(CORPUS, tr); return t
out = []
def case(name, t, decode_special=True):
    vec = []
    for x in TEXTS:
        try:
            e = t.encode(x); n = t.encode(x, add_special_tokens=False)
        except BaseException as ex:
            print(name, repr(x), ex); continue
        vec.append(dict(text=x, ids=e.ids, ids_no_special=n.ids, decoded=t.decode(n.ids, skip_special_tokens=False), skipped=t.decode(e.ids, skip_special_tokens=True)))
    out.append(dict(name=name, tokenizer=json.loads(t.to_str()), vectors=vec))
AL = P.ByteLevel.alphabet()
def bl(norm=None, pre=None, **k):
    t = Tokenizer(models.BPE(**k)); t.normalizer = norm or N.NFC(); t.pre_tokenizer = pre or P.ByteLevel(add_prefix_space=False); t.decoder = D.ByteLevel(); return t
t = train(bl(), alphabet=AL); t.add_tokens([AddedToken("tok1", single_word=True), AddedToken("Tok2", normalized=True), AddedToken("[MASK]", lstrip=True, rstrip=True, normalized=False)]); t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
t.post_processor = R.RobertaProcessing(("</s>", 2), ("<s>", 1)); case("bytelevel roberta", t)
t = train(bl(pre=P.ByteLevel(add_prefix_space=True)), alphabet=AL); t.post_processor = R.ByteLevel(trim_offsets=True); case("bytelevel prefix space", t)
t = train(bl(norm=N.Sequence([N.NFKC(), N.Lowercase()]), pre=P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])), alphabet=AL); t.add_tokens([AddedToken("Tok2", normalized=True), AddedToken("TOK1", normalized=False)]); case("nfkc lower digits", t)
DEEP = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
t = train(bl(pre=P.Sequence([P.Split(Regex(p), "isolated") for p in DEEP] + [P.ByteLevel(add_prefix_space=False, use_regex=False)])), alphabet=AL); case("deepseek", t)
O200 = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
t = train(bl(pre=P.Sequence([P.Split(Regex(O200), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True), alphabet=AL); case("o200k ignore merges", t)
t = train(bl(pre=P.Sequence([P.Split(Regex(O200), "removed", invert=True), P.ByteLevel(add_prefix_space=False, use_regex=False)])), alphabet=AL); case("removed inverted", t)
for b in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    for inv in (False, True):
        t = train(bl(pre=P.Sequence([P.Split(Regex(r"[aeio]|\s"), b, invert=inv), P.ByteLevel(add_prefix_space=False, use_regex=False)])), size=330, alphabet=AL); case(f"split {b} {inv}", t)
t = train(bl(pre=P.Sequence([P.Split("a", "isolated"), P.Split(Regex(r"(?<=x)y|\bthe\b|x*"), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])), size=330, alphabet=AL); case("odd patterns", t)
t = train(bl(pre=P.Sequence([P.ByteLevel(add_prefix_space=False), P.Split(Regex("Ġ"), "isolated")])), size=330, alphabet=AL); case("bytelevel not last", t)
t = train(bl(norm=N.ByteLevel(), pre=P.Split(Regex("Ġ?[^Ġ]+"), "isolated")), size=330, alphabet=AL); case("bytelevel normalizer", t)
B = [f"<0x{i:02X}>" for i in range(256)]
def spm(norm, pre, dec, bytes_=True, **k):
    t = Tokenizer(models.BPE(byte_fallback=bytes_, unk_token="<unk>", **k)); t.normalizer = norm; t.pre_tokenizer = P.Metaspace(prepend_scheme="never")
    train(t, 700, special=["<unk>", "<s>", "</s>", "<mask>"] + (B if bytes_ else []), limit_alphabet=60)
    j = json.loads(t.to_str()); j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(j)); t.pre_tokenizer = pre; t.decoder = dec; return t
LD = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
for sch in ["first", "always", "never"]:
    for sp in (False, True):
        t = spm(None, P.Metaspace(prepend_scheme=sch, split=sp), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]), fuse_unk=True); t.add_tokens([AddedToken("tok1", rstrip=True)]); case(f"metaspace {sch} {sp}", t)
t = spm(None, P.Metaspace(prepend_scheme="always"), D.Metaspace(prepend_scheme="always"), False, fuse_unk=True); case("fuse unk", t)
t = spm(None, P.Metaspace(prepend_scheme="always"), D.Metaspace(prepend_scheme="never"), False, fuse_unk=False); case("no fuse unk", t)
t = spm(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, LD, fuse_unk=True); t.add_tokens([AddedToken("Tok2", normalized=True), AddedToken("tok1", normalized=True, single_word=True)]); t.post_processor = R.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]); case("llama normalized added", t)
t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>")); t.normalizer = N.Lowercase(); t.pre_tokenizer = P.Whitespace(); train(t, 300, end_of_word_suffix="</w>"); t.decoder = D.BPEDecoder("</w>"); case("end of word", t)
t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##")); t.pre_tokenizer = P.WhitespaceSplit(); train(t, 300, continuing_subword_prefix="##"); t.decoder = D.WordPiece("##"); case("continuing prefix", t)
for kw in [dict(lowercase=True), dict(lowercase=False, strip_accents=True), dict(clean_text=False, handle_chinese_chars=False, lowercase=True, strip_accents=False)]:
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20)); t.normalizer = N.BertNormalizer(**kw); t.pre_tokenizer = P.BertPreTokenizer()
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False, limit_alphabet=70)); t.decoder = D.WordPiece()
    t.post_processor = R.BertProcessing(("[SEP]", 2), ("[CLS]", 1)); case(f"bert {kw}", t)
for bf in (False, True):
    t = Tokenizer(models.Unigram()); t.normalizer = N.Sequence([N.NFKD(), N.StripAccents(), N.Strip(), N.Replace(Regex(" {2,}"), " ")]); t.pre_tokenizer = P.Metaspace()
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=230, special_tokens=["<unk>", "<s>", "</s>"] + (B if bf else []), unk_token="<unk>", show_progress=False)); t.decoder = D.Metaspace()
    j = json.loads(t.to_str()); j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]; j["model"]["byte_fallback"] = bf
    case(f"unigram {bf}", Tokenizer.from_str(json.dumps(j)))
t = Tokenizer(models.WordLevel(unk_token="<unk>")); t.pre_tokenizer = P.Sequence([P.CharDelimiterSplit(" "), P.Punctuation("merged_with_previous")]); t.train_from_iterator(CORPUS, trainers.WordLevelTrainer(vocab_size=60, special_tokens=["<unk>"], show_progress=False)); case("word level", t)
t = train(bl(norm=N.NFD(), pre=P.Sequence([P.Punctuation(), P.Digits(), P.ByteLevel(add_prefix_space=True, use_regex=False)])), size=330, alphabet=AL); t.post_processor = R.Sequence([R.ByteLevel(trim_offsets=False), R.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])]); case("punct digits", t)
json.dump(out, open(sys.argv[1], "w"), ensure_ascii=False)
print(len(out), "cases")
