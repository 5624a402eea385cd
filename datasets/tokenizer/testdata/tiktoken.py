# a small vocabulary in tiktoken's form with what tiktoken makes of some texts -> vectors
# usage: tiktoken.py tiktoken.json (then gzip -9n); needs tiktoken
import base64, json, sys
here = __file__
sys.path = [p for p in sys.path if not here.startswith(p or "/nowhere")]
import tiktoken

exec(open(here.replace("tiktoken.py", "texts.py")).read())
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ranks = {bytes([b]): b for b in range(256)}
words = {}
for line in CORPUS:
    for w in line.split(" "):
        w = tuple(bytes([b]) for b in (" " + w).encode())
        words[w] = words.get(w, 0) + 1
while len(ranks) < 600:
    pairs = {}
    for w, n in words.items():
        for p in zip(w, w[1:]):
            pairs[p] = pairs.get(p, 0) + n
    best = max(pairs, key=lambda p: (pairs[p], p))
    ranks[best[0] + best[1]] = len(ranks)
    merged = {}
    for w, n in words.items():
        out, i = [], 0
        while i < len(w):
            if w[i:i + 2] == best:
                out.append(w[i] + w[i + 1]); i += 2
            else:
                out.append(w[i]); i += 1
        merged[tuple(out)] = merged.get(tuple(out), 0) + n
    words = merged
enc = tiktoken.Encoding("small", pat_str=GPT4, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 600, "<sep>": 610})
json.dump(dict(file="".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in ranks.items()), vectors=[dict(text=t, ids=enc.encode(t, allowed_special="all")) for t in TEXTS]), open(sys.argv[1], "w"), ensure_ascii=False)
