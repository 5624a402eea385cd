# what Hugging Face tokenizers make of texts with the charsmap of a model of spm.json and with Nmt
# usage: precompiled.py spm.json.gz precompiled.json (then gzip -9n); needs tokenizers
import base64, gzip, json, sys
from tokenizers import Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P, processors as R

exec(open(__file__.replace("precompiled.py", "texts.py")).read())


def fields(b):
    """Numbers and values of a message's fields."""
    i = 0

    def varint():
        nonlocal i
        value, shift = 0, 0
        while True:
            i += 1
            value |= (b[i - 1] & 127) << shift
            shift += 7
            if b[i - 1] < 128:
                return value
    while i < len(b):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            n = varint() if key & 7 == 2 else 4
            yield key >> 3, b[i:i + n]
            i += n


model = next(c for c in json.load(gzip.open(sys.argv[1])) if c["name"] == "unigram")
proto = base64.b64decode(model["model"])
charsmap = next(v for k, v in fields(next(v for k, v in fields(proto) if k == 3)) if k == 2)
TEXTS += ["e\u0301 e\u0301\u0323 ae\u0301", "ab ab\u0301 abc abc\u0301 ℃\u0301", "ﬁ\u0301x\u200b\u0301", "\u0600e\u0301 e\u200d\u0301", "a\u0903e\u0301", "\u0e33e\u0301\u0e33", "\r\n\u0301e", "½½\U0001F3FB½"]
import struct
pieces = []
for number, value in fields(proto):
    if number == 1:
        f = dict(fields(value))
        pieces.append((f[1].decode(), struct.unpack("<f", f[2])[0] if 2 in f else 0.0))
out = []
for name, norm, pre in [
    ("precompiled", N.Sequence([N.Precompiled(charsmap), N.Strip(left=False, right=True), N.Replace(Regex(" {2,}"), "▁")]), P.Metaspace()),
    ("t5", N.Precompiled(charsmap), P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="always")])),
    ("nmt", N.Nmt(), P.Metaspace(prepend_scheme="first")),
]:
    t = Tokenizer(models.Unigram(pieces, unk_id=0))
    t.normalizer, t.pre_tokenizer, t.decoder = norm, pre, D.Metaspace()
    t.post_processor = R.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    vectors = []
    for text in TEXTS + ["\x01\x0b\x7f\x8f\x9fa\u1680b\u200cc\ufeffd\ufffd▁e"]:
        e, n = t.encode(text), t.encode(text, add_special_tokens=False)
        vectors.append(dict(text=text, ids=e.ids, ids_no_special=n.ids, decoded=t.decode(n.ids, skip_special_tokens=False), skipped=t.decode(e.ids, skip_special_tokens=True)))
    out.append(dict(name=name, tokenizer=json.loads(t.to_str()), vectors=vectors))
json.dump(out, open(sys.argv[2], "w"), ensure_ascii=False)
