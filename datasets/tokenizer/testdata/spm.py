# small SentencePiece models with what SentencePiece makes of some texts -> vectors
# usage: spm.py spm.json (then gzip -9n); needs sentencepiece
import base64, io, json, sys
import sentencepiece as spm

exec(open(__file__.replace("spm.py", "texts.py")).read())
RULES = "\n".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}" for a, b in [
    ("e\u0301", "é"), ("ﬁ", "fi"), ("½", "1⁄2"), ("\t", " "), ("\n", " "), ("\u3000", " "), ("\u00a0", " "), ("\u200b", ""), ("ab", "B"), ("abc", "C"), ("℃", "°C"), ("\u2028", " ")]) + "\n"
open("/tmp/rules.tsv", "w").write(RULES)
# Like Hugging Face's, our tokenizer cuts symbols out before spaces are squeezed, and adds scores in
# double precision, where a run of one letter is no longer a tie.
def skipped(text, args):
    return "<sep>" in text and "normalization_rule_tsv" in args or text == "a" * 50 and args["model_type"] == "unigram"
out = []
for name, args in {
    "bpe": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True),
    "bpe no prefix": dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=False),
    "bpe squeezed": dict(model_type="bpe", normalization_rule_tsv="/tmp/rules.tsv"),
    "unigram": dict(model_type="unigram", normalization_rule_tsv="/tmp/rules.tsv"),
    "unigram bytes": dict(model_type="unigram", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "unigram suffix": dict(model_type="unigram", normalization_rule_tsv="/tmp/rules.tsv", treat_whitespace_as_suffix=True),
}.items():
    model = io.BytesIO()
    size = 420 + 256 * args.get("byte_fallback", False)
    spm.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=size, character_coverage=0.98,
        hard_vocab_limit=False, user_defined_symbols=["<sep>"], self_test_sample_size=0, minloglevel=2, num_threads=1, **args)
    sp = spm.SentencePieceProcessor(model_proto=model.getvalue())
    out.append(dict(name=name, model=base64.b64encode(model.getvalue()).decode(), vectors=[
        dict(text=t, ids=sp.encode(t)) for t in TEXTS if not skipped(t, args)]))
json.dump(out, open(sys.argv[1], "w"), ensure_ascii=False)
